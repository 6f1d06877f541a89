"""What a search can see of one index, in memory: vectors in a matrix, keywords inverted, lengths of texts."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from local.index_server.mapping import IndexMapping, Parsed

Mask = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]

_SLOTS = 1_024  # to begin with; doubled when full
_KEPT = 100  # documents of a value, above which its mask is kept: smaller ones are made as fast


class Searchable:
    """Documents by slot, a small number that is used again after a removal and is the row's number in SQLite."""

    def __init__(self, mapping: IndexMapping) -> None:
        field = mapping.vector_field
        self._dimension = mapping.fields[field]["dimension"] if field else 0
        self.ids: dict[str, int] = {}
        self.id_of: dict[int, str] = {}
        self.vectors = np.zeros((_SLOTS, self._dimension), np.float32)
        self.has_vector = np.zeros(_SLOTS, np.bool_)
        self.alive = np.zeros(_SLOTS, np.bool_)
        self.lengths = {name: np.zeros(_SLOTS, np.int64) for name in mapping.text_fields}
        self._inverted: dict[str, dict[str, set[int]]] = {}
        self._keywords: dict[int, list[tuple[str, str]]] = {}
        self._sorted: dict[str, list[str]] = {}  # values of a field, made when a range asks
        self._masks: dict[tuple[str, str], Mask] = {}  # of single values, until the next change
        self._free: list[int] = []
        self._next = 0

    def slot_for(self, document_id: str) -> int:
        """The slot of a new or known document."""
        known = self.ids.get(document_id)
        if known is not None:
            return known
        return self._free[-1] if self._free else self._next

    def add(self, document_id: str, slot: int, parsed: Parsed) -> None:
        """Make a document visible in the slot that `slot_for` gave, or that it had on disk."""
        self.remove(document_id)
        while slot >= len(self.alive):
            self._grow()
        if self._free and self._free[-1] == slot:
            self._free.pop()
        self._next = max(self._next, slot + 1)
        self.ids[document_id] = slot
        self.id_of[slot] = document_id
        self.alive[slot] = True
        self.has_vector[slot] = parsed.vector is not None
        if parsed.vector is not None:
            self.vectors[slot] = parsed.vector
        for name, found in parsed.texts.items():
            self.lengths[name][slot] = len(found)
        self._keywords[slot] = parsed.keywords
        for name, value in parsed.keywords:
            self._inverted.setdefault(name, {}).setdefault(value, set()).add(slot)
        self._forget()

    def remove(self, document_id: str) -> int | None:
        """Hide a document; the slot that it had."""
        slot = self.ids.pop(document_id, None)
        if slot is None:
            return None
        del self.id_of[slot]
        self.alive[slot] = self.has_vector[slot] = False
        for lengths in self.lengths.values():
            lengths[slot] = 0
        for name, value in self._keywords.pop(slot):
            slots = self._inverted[name].get(value, set())
            slots.discard(slot)
            if not slots:
                self._inverted[name].pop(value, None)
        self._free.append(slot)
        self._forget()
        return slot

    def having(self, field: str, values: Iterable[str]) -> Mask:
        """Documents whose keyword field has any of the values."""
        mask = np.zeros(len(self.alive), np.bool_)
        inverted = self._inverted.get(field, {})
        few: list[int] = []
        for value in values:
            slots = inverted.get(value, set())
            if len(slots) > _KEPT:
                mask |= self._mask(field, value, slots)
            else:
                few += slots
        mask[np.asarray(few, np.int64)] = True
        return mask

    def between(self, field: str, bounds: dict[str, str]) -> Mask:
        """Documents whose keyword field has a value within the bounds (gt, gte, lt, lte), in order of UTF-8 bytes."""
        values = self._sorted.get(field)
        if values is None:
            # Python compares code points, which is the order of UTF-8 bytes.
            values = self._sorted[field] = sorted(self._inverted.get(field, {}))
        start, stop = 0, len(values)
        for bound, value in bounds.items():
            position = bisect_left(values, value) if bound in ("gte", "lt") else bisect_right(values, value)
            if bound in ("gte", "gt"):
                start = max(start, position)
            else:
                stop = min(stop, position)
        return self.having(field, values[start:stop])

    def settle(self) -> None:
        """After loading: slots that hold nothing are free."""
        self._free = [slot for slot in range(self._next) if not self.alive[slot]]

    def _mask(self, field: str, value: str, slots: set[int]) -> Mask:
        mask = self._masks.get((field, value))
        if mask is None:
            mask = np.zeros(len(self.alive), np.bool_)
            mask[np.fromiter(slots, np.int64, len(slots))] = True
            self._masks[field, value] = mask
        return mask

    def _forget(self) -> None:
        self._sorted.clear()
        self._masks.clear()

    def _grow(self) -> None:
        def doubled(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.concatenate([array, np.zeros_like(array)])

        self.vectors = doubled(self.vectors)
        self.has_vector = doubled(self.has_vector)
        self.alive = doubled(self.alive)
        self.lengths = {name: doubled(lengths) for name, lengths in self.lengths.items()}
