"""The indexes on disk (SQLite, WAL, one file) and what is visible of them in memory; every write survives a kill.

A write goes to `pending` and is acknowledged; a refresh moves it to `documents` and the full-text table in one
transaction, and only then can a search see it.
"""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from local.index_server.errors import Refused
from local.index_server.mapping import IndexMapping, Parsed, parse_index
from local.index_server.queries import Found, Searcher
from local.index_server.searchable import Searchable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS indexes (number INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS documents (
    number INTEGER NOT NULL, slot INTEGER NOT NULL, id TEXT NOT NULL, source BLOB NOT NULL, vector BLOB,
    PRIMARY KEY (number, slot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (
    number INTEGER NOT NULL, id TEXT NOT NULL, source BLOB, vector BLOB, PRIMARY KEY (number, id)) WITHOUT ROWID;
"""


@dataclass(slots=True)
class _Index:
    """One index: its number on disk, what is visible, and what waits for the refresh (None: a removal)."""

    number: int
    mapping: IndexMapping
    searchable: Searchable
    pending: dict[str, Parsed | None] = field(default_factory=dict)
    due: float = 0.0  # of the refresh, on the monotonic clock, while something is pending


class IndexStore:
    """All indexes of one folder. Safe from several threads: one does something at a time."""

    def __init__(self, folder: Path, *, now: Callable[[], float] = time.monotonic) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._now = now
        self._lock = threading.RLock()
        self._database = sqlite3.connect(folder / "index.sqlite3", check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")  # survives a killed process, not a power cut
        self._database.executescript(_SCHEMA)
        self._indexes: dict[str, _Index] = {}
        for number, name, body in self._database.execute("SELECT number, name, body FROM indexes").fetchall():
            self._indexes[name] = self._load(number, parse_index(orjson.loads(body)))

    def close(self) -> None:
        """Refresh everything and close the file."""
        with self._lock:
            for name in self._indexes:
                self.refresh(name)
            self._database.close()

    def create(self, name: str, body: Any) -> None:
        """Create an index; Refused when it exists or its body is wrong."""
        mapping = parse_index(body)
        with self._lock, self._transaction():
            if name in self._indexes:
                raise Refused(400, "resource_already_exists_exception", f"index [{name}] already exists")
            number = self._database.execute(
                "INSERT INTO indexes (name, body) VALUES (?, ?)", (name, orjson.dumps(body))
            ).lastrowid
            assert number is not None
            columns = ", ".join(f'"{column}"' for column in mapping.text_fields) or "nothing"
            self._database.execute(
                f"""CREATE VIRTUAL TABLE words_{number} USING fts5({columns}, tokenize="ascii tokenchars '_.'','")"""
            )
            self._database.execute(
                f"CREATE VIRTUAL TABLE vocabulary_{number} USING fts5vocab(words_{number}, instance)"
            )
            self._indexes[name] = _Index(number, mapping, Searchable(mapping))

    def delete(self, name: str) -> None:
        """Delete an index with all that it holds."""
        with self._lock, self._transaction():
            number = self._index(name).number
            for table in ("indexes", "documents", "pending"):
                self._database.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
            self._database.execute(f"DROP TABLE vocabulary_{number}")
            self._database.execute(f"DROP TABLE words_{number}")
            del self._indexes[name]

    def mapping(self, name: str) -> IndexMapping:
        """The mapping of an index."""
        with self._lock:
            return self._index(name).mapping

    def write(self, name: str, changes: dict[str, Parsed | None]) -> dict[str, bool]:
        """Write (or, None, remove) documents by id, durably; whether each existed before."""
        with self._lock:
            index = self._index(name)
            existed = {
                document_id: (
                    index.pending[document_id] is not None
                    if document_id in index.pending
                    else document_id in index.searchable.ids
                )
                for document_id in changes
            }
            rows = [(index.number, document_id, *_columns(parsed)) for document_id, parsed in changes.items()]
            with self._transaction():
                self._database.executemany("INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?)", rows)
            if not index.pending:
                index.due = self._now() + index.mapping.refresh_seconds
            index.pending.update(changes)
            return existed

    def refresh_due(self) -> None:
        """Refresh every index whose interval has passed since its oldest pending write."""
        with self._lock:
            for name, index in self._indexes.items():
                if index.pending and index.mapping.refresh_seconds >= 0 and index.due <= self._now():
                    self.refresh(name)

    def refresh(self, name: str) -> None:
        """Make all writes visible."""
        with self._lock:
            index = self._index(name)
            changes, searchable = index.pending, index.searchable
            if not changes:
                return
            with self._transaction():
                for document_id, parsed in changes.items():
                    slot = searchable.ids.get(document_id)
                    if slot is not None:
                        self._erase(index, slot)
                    if parsed is None:
                        searchable.remove(document_id)
                    else:
                        slot = searchable.slot_for(document_id)
                        searchable.add(document_id, slot, parsed)
                        self._insert(index, slot, document_id, parsed)
                self._database.execute("DELETE FROM pending WHERE number = ?", (index.number,))
            index.pending = {}

    def search(self, name: str, body: Any) -> tuple[Found, list[tuple[str, dict[str, Any]]]]:
        """What a search finds, and id and whole source of each."""
        with self._lock:
            index = self._index(name)
            found = self._searcher(index).search(body)
            return found, [(index.searchable.id_of[slot], self._source(index, slot)) for slot in found.slots]

    def count(self, name: str, body: Any) -> int:
        """How many visible documents match."""
        with self._lock:
            return self._searcher(self._index(name)).count(body)

    # -- within ------------------------------------------------------------------------------------------------------

    def _index(self, name: str) -> _Index:
        index = self._indexes.get(name)
        if index is None:
            raise Refused(404, "index_not_found_exception", f"no such index [{name}]")
        return index

    def _load(self, number: int, mapping: IndexMapping) -> _Index:
        index = _Index(number, mapping, Searchable(mapping))
        rows = self._database.execute("SELECT slot, id, source, vector FROM documents WHERE number = ?", (number,))
        for slot, document_id, source, vector in rows:
            index.searchable.add(document_id, slot, _parsed(mapping, source, vector))
        index.searchable.settle()
        waiting = self._database.execute("SELECT id, source, vector FROM pending WHERE number = ?", (number,))
        for document_id, source, vector in waiting:
            index.pending[document_id] = None if source is None else _parsed(mapping, source, vector)
        return index

    def _searcher(self, index: _Index) -> Searcher:
        columns = index.mapping.text_fields

        def frequencies(name: str, word: str) -> dict[int, int]:
            only = "" if len(columns) == 1 else " AND col = ?"
            query = f"SELECT doc, count(*) FROM vocabulary_{index.number} WHERE term = ?{only} GROUP BY doc"
            return dict(self._database.execute(query, (word,) if len(columns) == 1 else (word, name)).fetchall())

        return Searcher(index.mapping, index.searchable, frequencies)

    def _source(self, index: _Index, slot: int) -> dict[str, Any]:
        ((source, vector),) = self._database.execute(
            "SELECT source, vector FROM documents WHERE number = ? AND slot = ?", (index.number, slot)
        )
        whole: dict[str, Any] = orjson.loads(source)
        if vector is not None and index.mapping.vector_field:
            whole[index.mapping.vector_field] = np.frombuffer(vector, np.float32).tolist()
        return whole

    def _insert(self, index: _Index, slot: int, document_id: str, parsed: Parsed) -> None:
        row = (index.number, slot, document_id, *_columns(parsed))
        self._database.execute("INSERT INTO documents VALUES (?, ?, ?, ?, ?)", row)
        texts = [" ".join(parsed.texts.get(name, [])) for name in index.mapping.text_fields] or [""]
        places = ", ".join("?" * (len(texts) + 1))
        names = ", ".join(f'"{name}"' for name in index.mapping.text_fields) or "nothing"
        self._database.execute(f"INSERT INTO words_{index.number} (rowid, {names}) VALUES ({places})", [slot, *texts])

    def _erase(self, index: _Index, slot: int) -> None:
        self._database.execute("DELETE FROM documents WHERE number = ? AND slot = ?", (index.number, slot))
        self._database.execute(f"DELETE FROM words_{index.number} WHERE rowid = ?", (slot,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _columns(parsed: Parsed | None) -> tuple[bytes | None, bytes | None]:
    """Source and vector as they are stored; nothing for a removal."""
    if parsed is None:
        return None, None
    return orjson.dumps(parsed.source), None if parsed.vector is None else parsed.vector.tobytes()


def _parsed(mapping: IndexMapping, source: bytes, vector: bytes | None) -> Parsed:
    document = orjson.loads(source)
    if vector is not None and mapping.vector_field:
        document[mapping.vector_field] = np.frombuffer(vector, np.float32).tolist()
    return mapping.parse(document)
