"""What every use case is given: the ports, a clock, ids and the policy. Filled in by `bootstrap`, by hand in tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from forebay.domain.document import TenantId
from forebay.domain.limits import ExtractionLimits
from forebay.domain.ports import (
    Broker,
    CommandQueues,
    Embedder,
    EventBus,
    Fetcher,
    ObjectStore,
    RecordStore,
    TextExtractor,
    Tokenizer,
    Vault,
    VectorIndex,
    Webhooks,
)
from forebay.domain.web_address import Reach


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds; parameters of the template, short on a laptop."""

    redrive: int = 1_200  # after which sweep sends a document's message again; doubled each time
    job_check: int = 900  # after which sweep looks whether a job has ended unnoticed
    grace: int = 1_020  # after a fence moved, until nobody with the old run can be alive: function timeout + 120
    event_retry: int = 60  # after which sweep publishes an event again, or sends for its targets
    delivery: int = 60  # after which nobody who began an attempt to deliver can be alive: function timeout + 30
    publish_retry: int = 2  # about the index's refresh interval
    upload_expiry: int = 900  # of a presigned form
    upload_unused_expiry: int = 86_400  # of an upload that waits to be named


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of requests and documents; docs/limits.md."""

    documents_per_request: int = 1_000
    objects_per_source: int = 10_000  # below the prefix of a data source
    manifest_documents: int = 1_000_000
    manifest_line_bytes: int = 1_000_000
    manifest_bytes: int = 2_000_000_000
    manifest_bundle: int = 100  # entries that are kept together
    file_bytes: int = 200_000_000
    chunks: int = 100_000
    attempts: int = 8  # claims of one run, or of one part of a long document, before it ends as poison
    part_pages: int = 10_000  # read in one invocation
    parts: int = 12  # of one document; fewer than the 16 messages in a chain at which Lambda suspects a loop
    answer_bytes: int = 4_500_000  # of a content answer
    requests_per_minute: int = 600  # of a tenant, over an API that shows a rate
    documents_per_hour: int = 0  # that a tenant may ask to ingest; 0: they are not counted


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decides."""

    times: Times = field(default_factory=Times)
    limits: Limits = field(default_factory=Limits)
    reading: ExtractionLimits = field(default_factory=ExtractionLimits)
    anonymous_tenant: TenantId | None = None
    allowed_buckets: frozenset[str] = frozenset()  # s3 sources; "tenant:bucket" or "*:bucket"
    allowed_exchanges: frozenset[str] = frozenset()  # of callbacks; "tenant:exchange", "*" for any tenant or exchange
    private_callbacks: bool = False  # webhooks may be http; they and url sources may be on private networks
    document_events: bool = False  # the ends of all documents are told on the bus, not only those that callbacks want

    @property
    def reach(self) -> Reach:
        """Where URLs may lead."""
        return Reach.ANYWHERE if self.private_callbacks else Reach.PUBLIC

    def allows_exchange(self, tenant: TenantId, exchange: str) -> bool:
        """May callbacks of the tenant name this exchange of the operator's broker?"""
        meant = {f"{whose}:{which}" for whose in (tenant, "*") for which in (exchange, "*")}
        return not meant.isdisjoint(self.allowed_exchanges)


@dataclass(frozen=True, slots=True)
class Engine:
    """The ports by name. A function is given only those that it needs; touching another is a bug that says so."""

    records: RecordStore
    objects: ObjectStore
    queues: CommandQueues
    bus: EventBus
    index: VectorIndex
    fetcher: Fetcher
    extractor: TextExtractor
    tokenizer: Tokenizer
    embedder: Embedder
    webhooks: Webhooks
    broker: Broker
    vault: Vault
    now: Callable[[], datetime]
    new_id: Callable[[], str]  # 32 lower-case hexadecimal digits, unique
    remaining_seconds: Callable[[], float]  # of this invocation
    sleep: Callable[[float], None]  # seconds
    policy: Policy = field(default_factory=Policy)
