"""The engine of embed and search: the core, the index and the model."""

from functools import cache
from pathlib import Path

from forebay.adapters.onnx_embedder import OnnxEmbedder
from forebay.bootstrap.core import engine_with, settings
from forebay.bootstrap.indexed import index
from forebay.service.engine import Engine


@cache
def inference_engine() -> Engine:
    """The core, the index and the embedder."""
    return engine_with(index=index(), embedder=OnnxEmbedder(Path(settings().model_folder)))
