"""The embedding model under ONNX Runtime, inside the function that embeds; used by `embed` and `search`."""

import os
from array import array
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

from forebay.adapters.model_tokenizer import ModelTokenizer


class OnnxEmbedder:
    """`Embedder` over the model folder (`model.onnx`, `tokenizer.json`, `fingerprint`; see layers/model).

    One text a run, without padding, and one Python thread per processor on one shared single-threaded session: on
    processors larger batches are slower, and padding costs up to 3.4 times. Threads end with the call. Vectors are
    `array('f')`: sequences of floats whose memory numpy can take as it is.
    """

    def __init__(self, model_folder: Path, *, threads: int | None = None) -> None:
        self._tokenizer = ModelTokenizer(model_folder)
        self._session = _open_session(model_folder / "model.onnx")
        self._threads = threads or len(os.sched_getaffinity(0))
        self.dimension: int = self._session.get_outputs()[0].shape[-1]
        self.fingerprint: str = (model_folder / "fingerprint").read_text(encoding="ascii").strip()

    def embed(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """One vector of length 1 per text, in order. Text past the model's 256 word pieces is ignored."""
        if min(self._threads, len(texts)) < 2:
            return [self._embed_one(text) for text in texts]
        with ThreadPoolExecutor(max_workers=min(self._threads, len(texts))) as pool:
            return list(pool.map(self._embed_one, texts))

    def _embed_one(self, text: str) -> Sequence[float]:
        word_pieces = np.array([self._tokenizer.encode(text)], dtype=np.int64)
        inputs = {"input_ids": word_pieces, "attention_mask": np.ones_like(word_pieces)}
        vectors = self._session.run(["embedding"], inputs)[0]
        return array("f", np.asarray(vectors, dtype=np.float32).tobytes())


def _open_session(model: Path) -> InferenceSession:
    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # A spinning thread burns the share of a processor that a small function has (measured: slower than one thread).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return InferenceSession(str(model), sess_options=options, providers=["CPUExecutionProvider"])
