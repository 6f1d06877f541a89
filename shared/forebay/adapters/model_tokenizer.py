"""The embedding model's own tokenizer, read from the model folder; counts for `extract`, encodes for the embedder.

The folder's `tokenizer.json` is the published file. It has padding to 128 and truncation at 128 switched on, so that
every text would count as 128 tokens: both are switched off here.
"""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

MAX_WORD_PIECES = 256  # what all-MiniLM-L6-v2 was tuned for, [CLS] and [SEP] included


class ModelTokenizer:
    """`Tokenizer` over the `tokenizer.json` in `model_folder`. Starts no threads; safe to share between threads."""

    max_tokens: int = MAX_WORD_PIECES - 2

    def __init__(self, model_folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
        self.fingerprint: str = (model_folder / "fingerprint").read_text(encoding="ascii").strip()
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._start, self._end = self._tokenizer.encode("").ids  # [CLS] and [SEP]

    def count(self, texts: Sequence[str]) -> list[int]:
        """Content tokens of each text; never truncated."""
        # One by one: `encode_batch` costs as much processor time, and its pool of native threads outlives the handler.
        return [len(self._tokenizer.encode(text, add_special_tokens=False)) for text in texts]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Character span (start, end exclusive) of each content token of `text`, in order."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)

    def encode(self, text: str) -> list[int]:
        """The model's input for `text`: word piece ids between [CLS] and [SEP], at most 256; the rest is ignored."""
        content = self._tokenizer.encode(text, add_special_tokens=False).ids
        return [self._start, *content[: self.max_tokens], self._end]
