"""What the clients of a soak ask for: contents and errands, all of them decided by the seed."""

import base64
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from local.stack import ROOT

SAMPLES: Final = ROOT / "local/samples"
FILES: Final = (
    "erlang_eldap.pdf", "generation-2025.xlsx", "incident-report.docx", "intake-gate-mail.eml",
    "operations-handbook.md", "river-stories.epub", "spare-parts.csv", "training-slides.pptx", "visitor-guide.html",
)  # fmt: skip
TEXTS: Final = 8  # different short texts
LONG_PASSAGES: Final = 150  # a chunk each, so three batches
SMALL_CHUNKS: Final = {"chunk_tokens": 32, "overlap_tokens": 0}  # long documents that are quickly embedded
ODD: Final = "/1+1 = 100%25 of ü"  # ends the names of files in the inbox
BROKEN: Final = b"%PDF-1.4 and no more"


class Kind(StrEnum):
    """What becomes of an errand's documents."""

    TEXT = "text"  # several small ones in a request
    FILE = "file"  # a PDF, a workbook, a mail...
    LONG = "long"  # several batches
    REPLACED = "replaced"  # again with other content, at once or when it is ready
    UNCHANGED = "unchanged"  # again with the same
    CANCELED = "canceled"
    RESTARTED = "restarted"  # canceled, then asked for again
    DELETED = "deleted"
    UPLOAD = "upload"  # by a presigned form
    INBOX = "inbox"  # put into the bucket, overwritten
    VANISHED = "vanished"  # put into the bucket, deleted there
    POISON = "poison"  # a broken file beside a good one


# How many documents of a hundred are of this kind, and how many an errand brings at most.
SHARES: Final[Mapping[Kind, tuple[int, int]]] = {
    Kind.TEXT: (30, 8),
    Kind.FILE: (12, 1),
    Kind.LONG: (4, 1),
    Kind.REPLACED: (10, 1),
    Kind.UNCHANGED: (6, 2),
    Kind.CANCELED: (8, 3),
    Kind.RESTARTED: (4, 2),
    Kind.DELETED: (8, 1),
    Kind.UPLOAD: (6, 1),
    Kind.INBOX: (6, 1),
    Kind.VANISHED: (2, 1),
    Kind.POISON: (4, 2),
}


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes, and how they are to be cut."""

    name: str
    data: bytes
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Errand:
    """What one client asks for, from the first request to the last answer."""

    number: int
    kind: Kind
    documents: Sequence[str]  # ids
    contents: Sequence[Content]  # one after the other; the last stays
    at_once: bool  # the next step does not wait for the end of the one before
    pause_seconds: float  # before the next step
    seed: int

    @property
    def hears_all(self) -> bool:
        """Are its callbacks told of documents and progress, too, or of the job's end only?"""
        return self.number % 4 == 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """How large a soak is, and by which seed."""

    documents: int
    clients: int
    minutes: float
    seed: int


def contents() -> dict[str, Content]:
    """Every content that a document of a soak can have, by name."""
    texts = [Content(f"text-{number}.txt", _text(number).encode()) for number in range(TEXTS)]
    long = [Content(f"long-{number}.txt", _long(number).encode(), SMALL_CHUNKS) for number in range(2)]
    files = [Content(name, (SAMPLES / name).read_bytes()) for name in FILES]
    return {content.name: content for content in [*texts, *long, *files, Content("broken.pdf", BROKEN)]}


def _text(number: int) -> str:
    return "\n\n".join(
        f"Gauge {number} at kilometre {kilometre} was read by the warden of section {number + kilometre}; "
        f"the level stood {kilometre * 3 + number} centimetres above the mark of the year before."
        for kilometre in range(1 + number)
    )


def _long(number: int) -> str:
    return "\n\n".join(
        f"Sluice {passage} of canal {number} was opened on day {passage} of the survey and its level was written down "
        f"by the keeper, who noted {passage * 7} litres a second."
        for passage in range(LONG_PASSAGES)
    )


def errands(wanted: Wanted) -> list[Errand]:
    """The errands of a soak in the order in which they are begun; together they bring `wanted.documents` documents."""
    chance = random.Random(wanted.seed)
    pool = contents()
    made: list[Errand] = []
    for kind, size in _parties(wanted.documents, chance):
        odd = ODD if kind in {Kind.INBOX, Kind.VANISHED} else ""
        documents = [f"{kind}-{len(made)}-{place}{odd}" for place in range(size)]
        made.append(_errand(len(made), kind, documents, pool, chance))
    chance.shuffle(made)
    return made


def _parties(documents: int, chance: random.Random) -> Iterator[tuple[Kind, int]]:
    """Kinds and how many documents come together; each kind at least once."""
    counts = {kind: max(most, documents * share // 100) for kind, (share, most) in SHARES.items()}
    counts[Kind.TEXT] += max(0, documents - sum(counts.values()))
    for kind, count in counts.items():
        left = count
        while left > 0:
            size = min(left, SHARES[kind][1] if kind is Kind.POISON else chance.randint(1, SHARES[kind][1]))
            yield kind, size
            left -= size


def _errand(number: int, kind: Kind, documents: list[str], pool: dict[str, Content], chance: random.Random) -> Errand:
    texts = [content for name, content in pool.items() if name.startswith("text-")]
    long = [content for name, content in pool.items() if name.startswith("long-")]
    files = [pool[name] for name in FILES]
    choices = {Kind.TEXT: texts, Kind.FILE: files, Kind.LONG: long, Kind.CANCELED: [*texts, *long]}
    choices |= dict.fromkeys((Kind.INBOX, Kind.VANISHED), texts)  # their names say nothing of a type
    chosen = chance.sample(choices.get(kind, [*texts, *files]), 2)
    given = {
        Kind.POISON: [pool["broken.pdf"], chosen[0]],
        Kind.REPLACED: chosen,
        Kind.INBOX: chosen,
        Kind.UNCHANGED: [chosen[0], chosen[0]],
    }.get(kind, chosen[:1])
    return Errand(number, kind, documents, given, chance.random() < 0.5, chance.uniform(0, 3), chance.randrange(2**32))


def job_request(collection: str, documents: Mapping[str, Content], properties: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `POST /jobs`; all contents are cut as the first says."""
    first = next(iter(documents.values()))
    return {
        "collection": collection,
        "documents": [
            {"id": id_, "name": content.name, "source": {"type": "base64", "data": _base64(content.data)}}
            for id_, content in documents.items()
        ],
        "properties": dict(properties),
        **({"options": dict(first.options)} if first.options else {}),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
