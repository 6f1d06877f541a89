"""Builds the embedding model that ships in the model layer; run by this folder's Makefile, never in a function.

From the published float weights it draws the graph in int8, compares its vectors with the float graph's over the
sentences of `sentences.txt`, and writes `model.onnx`, `tokenizer.json` and `fingerprint`.
"""

import argparse
import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

from minilm import Array, Float, Weights, draw_model
from rowwise_int8 import RowwiseInt8

# Four independently published packages carry these very files (all-MiniLM-L6-v2).
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
MAX_TOKENS = 256  # word pieces that the model was tuned for, [CLS] and [SEP] included
WORST_COSINE = 0.97  # below this the int8 graph is broken, not merely rounded
PASSAGE_LENGTHS = (1, 2, 4, 9)  # sentences a passage, so that short and long texts are compared


def main(arguments: Sequence[str]) -> None:
    """Build the model from `--source` (the published files) into `--output`; exits with a message if it is off."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    for name, expected in SHA256.items():
        _check_sha256(options.source / name, expected)

    weights = read_safetensors(options.source / "model.safetensors")
    int8 = draw_model(weights, RowwiseInt8())
    passages = _passages(Path(__file__).with_name("sentences.txt"))
    cosines = _compare(draw_model(weights, Float()), int8, _token_ids(options.source / "tokenizer.json", passages))
    print(f"int8 against float over {len(cosines)} texts: cosine {cosines.min():.4f} at worst,", end=" ")
    print(f"{np.median(cosines):.4f} in the median", flush=True)
    if cosines.min() < WORST_COSINE:
        raise SystemExit(f"the int8 graph is off: cosine {cosines.min():.4f} is below {WORST_COSINE}")
    _write(options.output, int8, options.source / "tokenizer.json")


def read_safetensors(path: Path) -> Weights:
    """All tensors of a safetensors file (8 bytes of header length, JSON header, raw little-endian data), as float32."""
    content = path.read_bytes()
    header_end = 8 + int.from_bytes(content[:8], "little")
    tensors = {}
    for name, entry in json.loads(content[8:header_end]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = (header_end + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(content[start:end], np.float32).reshape(entry["shape"])
    return tensors


def _check_sha256(path: Path, expected: str) -> None:
    actual = hashlib.sha256(path.read_bytes()).hexdigest()
    if actual != expected:
        raise SystemExit(f"{path} is not the published file: sha256 {actual}, expected {expected}")


def _passages(path: Path) -> list[str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [" ".join(lines[start : start + n]) for n in PASSAGE_LENGTHS for start in range(0, len(lines) - n + 1, n)]


def _token_ids(tokenizer_file: Path, passages: Sequence[str]) -> list[list[int]]:
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return [tokenizer.encode(passage).ids for passage in passages]


def _compare(reference: onnx.ModelProto, candidate: onnx.ModelProto, texts: Sequence[list[int]]) -> Array:
    """Cosine of the two models' vectors for each text."""
    onnx.checker.check_model(candidate)
    cosines: Array = (_vectors(reference, texts) * _vectors(candidate, texts)).sum(axis=1)
    return cosines


def _vectors(model: onnx.ModelProto, texts: Sequence[list[int]]) -> Array:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    vectors = []
    for ids in texts:
        row = np.array([ids], np.int64)
        vectors.append(session.run(["embedding"], {"input_ids": row, "attention_mask": np.ones_like(row)})[0][0])
    return np.stack(vectors)


def _write(output: Path, model: onnx.ModelProto, tokenizer_file: Path) -> None:
    output.mkdir(parents=True, exist_ok=True)
    serialised = model.SerializeToString(deterministic=True)
    (output / "model.onnx").write_bytes(serialised)
    shutil.copyfile(tokenizer_file, output / "tokenizer.json")
    digest = hashlib.sha256(serialised + tokenizer_file.read_bytes()).hexdigest()
    (output / "fingerprint").write_text(f"all-MiniLM-L6-v2-int8-{digest[:16]}\n", encoding="ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
