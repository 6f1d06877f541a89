"""The real model under ONNX Runtime: what the chunker and the index rely on."""

import math
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession

from forebay.adapters.model_tokenizer import MAX_WORD_PIECES, ModelTokenizer
from forebay.adapters.onnx_embedder import OnnxEmbedder
from tests.model import model_folder

__all__ = ["model_folder"]

SHORT = "The dam was inspected in 2014."
LONG = "Engineers opened the sluice gates before dawn, because the river had risen two metres in a single night. " * 6


@pytest.fixture(scope="module")
def embedder(model_folder: Path) -> OnnxEmbedder:
    return OnnxEmbedder(model_folder, threads=2)


@pytest.fixture(scope="module")
def tokenizer(model_folder: Path) -> ModelTokenizer:
    return ModelTokenizer(model_folder)


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def test_vectors_have_length_one_and_the_stated_dimension(embedder: OnnxEmbedder) -> None:
    vectors = embedder.embed([SHORT, LONG, "a", "", "日本語のテキスト", "🙂" * 50])

    assert [len(vector) for vector in vectors] == [embedder.dimension] * 6 == [384] * 6
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * 6, abs=1e-5)


def test_no_texts_give_no_vectors(embedder: OnnxEmbedder) -> None:
    assert embedder.embed([]) == []


def test_a_vector_does_not_depend_on_the_texts_beside_it(embedder: OnnxEmbedder) -> None:
    texts = [f"{SHORT} {LONG[: 40 * number]}" for number in range(12)]

    together = embedder.embed(texts)
    alone = [embedder.embed([text])[0] for text in texts]
    reversed_order = embedder.embed(texts[::-1])[::-1]

    assert together == alone == reversed_order


def test_the_graph_itself_gives_a_text_the_same_vector_in_a_padded_batch(
    model_folder: Path, tokenizer: ModelTokenizer
) -> None:
    session = InferenceSession(str(model_folder / "model.onnx"), providers=["CPUExecutionProvider"])
    texts = [tokenizer.encode(text) for text in (SHORT, LONG, "a")]
    ids = np.zeros((len(texts), max(map(len, texts))), np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = text, 1

    batch = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    alone = [
        session.run(None, {"input_ids": np.array([t]), "attention_mask": np.ones((1, len(t)), np.int64)}) for t in texts
    ]

    assert [float(batch[row] @ alone[row][0][0]) for row in range(len(texts))] == pytest.approx([1.0] * 3, abs=1e-5)


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("When was the dam checked?", SHORT, "Beat the eggs with the sugar until the mixture is pale."),
        ("How do I reset my password?", "Forgotten credentials can be renewed on the sign-in page.", LONG),
        ("cats", "A kitten slept on the sofa.", "The board proposes a dividend of 45 cents per share."),
    ],
)
def test_a_related_text_is_nearer_than_an_unrelated_one(
    embedder: OnnxEmbedder, query: str, near: str, far: str
) -> None:
    asked, related, unrelated = embedder.embed([query, near, far])

    assert cosine(asked, related) > cosine(asked, unrelated) + 0.15


def test_text_past_the_models_limit_is_ignored(embedder: OnnxEmbedder, tokenizer: ModelTokenizer) -> None:
    full = "river " * tokenizer.max_tokens

    at_limit, beyond, within = embedder.embed([full, full + "banana " * 50, full[:600] + "banana " * 50])

    assert at_limit == beyond
    assert at_limit != within


def test_the_same_model_gives_the_same_fingerprint(embedder: OnnxEmbedder, model_folder: Path) -> None:
    assert embedder.fingerprint == OnnxEmbedder(model_folder).fingerprint
    assert embedder.fingerprint.startswith("all-MiniLM-L6-v2-int8-")


def test_no_thread_outlives_a_call(embedder: OnnxEmbedder) -> None:
    before = threading.active_count()

    embedder.embed([SHORT] * 8)

    assert threading.active_count() == before


def test_counts_are_of_content_tokens_and_never_cut(tokenizer: ModelTokenizer) -> None:
    assert tokenizer.count(["", "hello world", "river " * 1000]) == [0, 2, 1000]
    assert tokenizer.count([]) == []


def test_spans_point_at_the_characters_of_each_token(tokenizer: ModelTokenizer) -> None:
    text = "Zürich's café, 42 m²"

    spans = tokenizer.spans(text)

    assert len(spans) == tokenizer.count([text])[0]
    assert [text[start:end] for start, end in spans] == ["Zürich", "'", "s", "café", ",", "42", "m²"]


def test_encoding_adds_the_special_tokens_within_the_limit(tokenizer: ModelTokenizer) -> None:
    start, *content, end = tokenizer.encode("river " * 1000)

    assert len(content) == tokenizer.max_tokens == MAX_WORD_PIECES - 2
    assert [start, end] == tokenizer.encode("")
