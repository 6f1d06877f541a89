"""The engine of extract: the core, the extractor and the tokenizer."""

from functools import cache
from pathlib import Path

from forebay.adapters.model_tokenizer import ModelTokenizer
from forebay.adapters.sandboxed_extractor import SandboxedExtractor
from forebay.bootstrap.core import engine_with, settings
from forebay.service.engine import Engine


@cache
def reading_engine() -> Engine:
    """The core, the extractor and the tokenizer."""
    told = settings()
    return engine_with(
        extractor=SandboxedExtractor(told.policy.reading), tokenizer=ModelTokenizer(Path(told.model_folder))
    )
