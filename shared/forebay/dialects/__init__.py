"""The HTTP APIs Forebay speaks: one a module, tables plus a translation. A new one is a line in DIALECTS."""

from typing import Final

from forebay.dialects.dialect import Dialect
from forebay.dialects.embedding_studio import EMBEDDING_STUDIO
from forebay.dialects.native import NATIVE
from forebay.dialects.nvidia import NVIDIA
from forebay.dialects.privategpt import PRIVATEGPT
from forebay.dialects.tensoras import TENSORAS

DIALECTS: Final[tuple[Dialect, ...]] = (NATIVE, PRIVATEGPT, EMBEDDING_STUDIO, NVIDIA, TENSORAS)
