"""What makes two things the same, in one line of text that can be compared: a document's inputs, a request."""

import hashlib
import json

from forebay.domain.stored_document import Options

_PIPELINE = 1  # raise it when the same content would be cut or embedded otherwise


def inputs_fingerprint(options: Options, name: str, declared_type: str, metadata: str) -> str:
    """The part that the caller decides."""
    inputs = [_PIPELINE, options.chunk_tokens, options.overlap_tokens, name, declared_type, metadata]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:32] + ":"


def fingerprint(options: Options, name: str, declared_type: str, metadata: str, *, model: str) -> str:
    """The whole: the caller's part, then the model's."""
    return inputs_fingerprint(options, name, declared_type, metadata) + model


def request_sha256(path: str, body: object) -> str:
    """What makes a repeated request the same: its path and its body, whatever the order of members."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{path}\n{canonical}".encode()).hexdigest()
