"""PrivateGPT's Artifacts API: documents in, at once or as a task to poll; deletions; content as Markdown or as a tree.

Source: the project's API reference, and its routers at v1.0.1 (zylon-ai/private-gpt, `private_gpt/server`). Where they
differ the reference is followed: docs/migrating/privategpt.md.
"""

from typing import Final

from forebay.dialects.privategpt.dialect import PrivateGpt

PRIVATEGPT: Final = PrivateGpt()
