"""What `OpenSearchIndex` sends and how it takes what comes back, over HTTP, without an index behind it.

Each request is checked against `tests/data/opensearch_requests.json`, JSON schemas of the operations that we use. They
were written by hand after the documentation (docs.opensearch.org) and are closed: unknown members are refused.
"""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from jsonschema import Draft202012Validator

from forebay.adapters.opensearch_index import OpenSearchIndex, OpenSearchSettings, Signing
from forebay.adapters.opensearch_queries import VectorEncoding, inner_product
from forebay.domain.document import DocumentKey, MetadataFilter, RunId, SearchScope
from forebay.domain.errors import DocumentError, TransientError
from tests.conformance.ports.vector_index_suite import EAST, SCOPE, indexed, passage
from tests.integration.opensearch_recorder import SHARDS, Answer, Recorded, Recorder, recorder

SCHEMAS = json.loads((Path(__file__).parents[1] / "data" / "opensearch_requests.json").read_text())
RUN = RunId("run1")


@pytest.fixture
def server() -> Iterator[Recorder]:
    with recorder() as recording:
        yield recording


class Pauses(list[float]):
    """A sleep that takes no time."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def adapter(server: Recorder, pauses: Pauses | None = None, **settings: Any) -> OpenSearchIndex:
    known = {"endpoint": server.url, "index": "chunks", "dimension": 4, "signing": Signing.NONE, **settings}
    return OpenSearchIndex(
        OpenSearchSettings(**known), sleep=Pauses() if pauses is None else pauses, jitter=lambda: 0.5
    )


def refusing(status: int, kind: str = "some_exception") -> Answer:
    return lambda request: (status, {"error": {"type": kind, "reason": "because"}, "status": status})


def item(status: int, kind: str = "") -> dict[str, Any]:
    return {"index": {"status": status} | ({"error": {"type": kind, "reason": "because"}} if kind else {})}


def faults(request: Recorded, schemas: dict[str, Any] = SCHEMAS) -> list[str]:
    """What the schemas find wrong with a request."""
    operation = request.path.removeprefix("/chunks").strip("/") or "index"
    schema = schemas["operations"].get(f"{request.method} {operation}")
    if schema is None:
        return [f"no operation {request.method} {operation}"]
    wrong = [f"unknown parameter {name}" for name in request.params if name not in schema["params"]]
    validator = Draft202012Validator({"$defs": schemas["$defs"], "$ref": schema["body"]})
    return wrong + [error.message for error in validator.iter_errors(request.body)]


def everything(server: Recorder, **settings: Any) -> list[Recorded]:
    """All requests that the adapter can send."""
    server.answers.append(refusing(404, "index_not_found_exception"))  # so that the index is created
    index = adapter(server, **settings)
    index.put([indexed(0, metadata={"n": 1, "s": "a", "b": True, "l": ["x", "y"]}), indexed(1)])
    index.remove(RUN, 2)
    index.count(RUN)
    index.ready()
    conditions = (
        MetadataFilter("s", any_of=("a", 1, True)),
        MetadataFilter("n", at_least=1),
        MetadataFilter("n", at_most=2.5),
        MetadataFilter("n", at_least=1, at_most=2.5),
        MetadataFilter("n", at_least=1, at_most="z"),
    )
    for scope in (SCOPE, SearchScope(SCOPE.tenant, SCOPE.collection, (DocumentKey("doc_a"),), conditions)):
        index.search_vector(scope, EAST, 5)
        index.search_text(scope, "words", 5)
    return server.requests


# -- requests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", list(VectorEncoding))
def test_every_request_is_as_documented(server: Recorder, encoding: VectorEncoding) -> None:
    requests = everything(server, encoding=encoding)

    assert [(request.path, faults(request)) for request in requests if faults(request)] == []
    asked = {f"{request.method} {request.path.removeprefix('/chunks').strip('/') or 'index'}" for request in requests}
    assert asked == set(SCHEMAS["operations"])


@pytest.mark.parametrize(
    ("operation", "broken"),
    [
        ("/_search", {"qeury": {"match_all": {}}}),
        ("/_search", {"size": 1, "query": {"knn": {"vector": {"vectors": [1.0], "k": 1}}}}),
        ("/_search", {"size": 1, "query": {"knn": {"vector": {"vector": [1.0], "k": "one"}}}}),
        ("/_search", {"size": 1, "query": {"bool": {"must": [{"query_string": {"query": "x"}}], "filter": []}}}),
        ("/_count", {"query": {"trem": {"run": {"value": "x"}}}}),
        ("/_count", {"query": {"term": {"run": {"val": "x"}}}}),
        ("/_bulk", [{"upsert": {"_id": "1"}}]),
        ("/_bulk", [{"index": {"_idd": "1"}}, {}]),
        ("/_bulk", [{"index": {"_id": 1}}, {}]),
        ("", {"mappings": {"properties": {"vector": {"type": "knn_vektor", "dimension": 4}}}}),
        ("", {"mappings": {"properties": {"vector": {"type": "knn_vector"}}}}),
    ],
)
def test_the_schemas_refuse_broken_requests(operation: str, broken: Any) -> None:
    assert faults(Recorded("POST" if operation else "PUT", f"/chunks{operation}", {}, {}, broken))


def test_bulk_requests_are_bounded_and_compressed(server: Recorder) -> None:
    large = [indexed(passage(number, "x" * 100_000)) for number in range(60)]
    adapter(server).put([indexed(number) for number in range(1_001)] + large)

    requests = server.of("_bulk")
    sizes = [len(request.body) // 2 for request in requests]
    assert sum(sizes) == 1_061
    assert max(sizes) == 500
    assert all(len(json.dumps(request.body)) < 4.3 * 1024 * 1024 for request in requests)
    assert {request.headers["content-encoding"] for request in requests} == {"gzip"}


def test_vectors_are_written_with_five_decimals(server: Recorder) -> None:
    adapter(server).put([indexed(0, vector=(0.123456789, -0.987654321, 1 / 3, 0.0))])

    (request,) = server.of("_bulk")
    assert request.body[1]["vector"] == [0.12346, -0.98765, 0.33333, 0.0]


def test_requests_to_a_domain_are_signed(server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    adapter(server, signing=Signing.SIGV4, region="eu-west-1").put([indexed(0)])

    for request in server.requests:
        assert "/eu-west-1/es/aws4_request" in request.headers["authorization"]
        assert request.headers["x-amz-security-token"] == "token"


def test_without_credentials_the_index_is_out_of_reach(server: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    class NoCredentials:
        def get_credentials(self) -> None:
            return None

    monkeypatch.setattr(botocore.session, "get_session", NoCredentials)
    index = adapter(server, signing=Signing.SIGV4, region="eu-west-1")

    with pytest.raises(TransientError):
        index.count(RUN)
    assert not index.ready()


def test_the_adapter_needs_neither_grpc_nor_protobuf_and_imports_its_client_late(server: Recorder) -> None:
    program = f"""
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("grpc", "google", "opensearch", "numpy"):
            raise ImportError(name)

sys.meta_path.insert(0, Without())
from forebay.adapters.opensearch_index import OpenSearchIndex, OpenSearchSettings, Signing
index = OpenSearchIndex(OpenSearchSettings({server.url!r}, "chunks", 4, Signing.NONE))
assert not {{"opensearchpy", "urllib3", "orjson", "botocore"}} & set(sys.modules)
print(index.count("run1"))
"""
    shared = Path(__file__).parents[2] / "shared"
    environment = {"PYTHONPATH": str(shared)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("7\n", "")


# -- creating the index ----------------------------------------------------------------------------------------------


def test_the_index_is_created_once(server: Recorder) -> None:
    server.answers.append(refusing(404, "index_not_found_exception"))
    index = adapter(server)

    index.ensure()
    index.ensure()

    assert [request.method for request in server.requests] == ["GET", "PUT", "GET"]


def test_an_index_that_somebody_else_creates_at_the_same_time_is_taken(server: Recorder) -> None:
    server.answers += [refusing(404, "index_not_found_exception"), refusing(400, "resource_already_exists_exception")]

    adapter(server).put([indexed(0)])

    assert len(server.of("_bulk")) == 1


def test_an_index_that_cannot_be_created_is_nobodys_document(server: Recorder) -> None:
    server.answers += [refusing(404), refusing(400, "mapper_parsing_exception")]

    with pytest.raises(TransientError):
        adapter(server).put([indexed(0)])


def test_an_index_of_another_dimension_is_refused_as_a_whole(server: Recorder) -> None:
    with pytest.raises(TransientError, match="another index"):
        adapter(server, dimension=384).put([indexed(0)])
    assert server.of("_bulk") == []


def test_searching_does_not_create_the_index(server: Recorder) -> None:
    server.otherwise = refusing(404, "index_not_found_exception")
    index = adapter(server)

    assert index.search_vector(SCOPE, EAST, 5) == index.search_text(SCOPE, "words", 5) == []
    assert index.count(RUN) == 0
    assert index.ready()
    assert {request.method for request in server.requests} == {"POST"}


def test_an_index_removed_while_written_to_is_created_again_by_the_next_attempt(server: Recorder) -> None:
    index = adapter(server)
    index.ensure()
    server.answers.append(lambda r: (200, {"errors": True, "items": [item(404, "index_not_found_exception")]}))

    with pytest.raises(TransientError):
        index.put([indexed(0)])
    index.put([indexed(0)])

    assert len(server.of("_mapping")) == 2


# -- answers ---------------------------------------------------------------------------------------------------------


def test_throttled_requests_are_sent_again_after_growing_pauses(server: Recorder) -> None:
    pauses = Pauses()
    index = adapter(server, pauses)
    index.ensure()
    server.answers += [refusing(429), refusing(503), refusing(429)]

    index.put([indexed(0)])

    assert pauses == pytest.approx([0.2, 0.4, 0.8])


def test_only_throttled_items_are_sent_again(server: Recorder) -> None:
    index = adapter(server)
    index.ensure()
    items = [item(201), item(429, "rejected_execution_exception"), item(201)]
    server.answers.append(lambda request: (200, {"errors": True, "items": items}))

    index.put([indexed(0), indexed(1), indexed(2)])

    assert [line for line in server.of("_bulk")[1].body if "index" in line] == [{"index": {"_id": "run1:1"}}]


def test_lasting_throttling_ends_within_the_budget(server: Recorder) -> None:
    pauses = Pauses()
    index = adapter(server, pauses)
    index.ensure()
    server.otherwise = refusing(429)

    with pytest.raises(TransientError):
        index.put([indexed(0)])
    assert 5 < sum(pauses) <= 10


def test_a_request_that_is_too_large_is_halved(server: Recorder) -> None:
    def at_most_two(request: Recorded) -> tuple[int, Any]:
        if len(request.body) > 4:
            return 413, {}
        return 200, {"errors": False, "items": [item(201)] * (len(request.body) // 2)}

    index = adapter(server)
    index.ensure()
    server.otherwise = at_most_two
    index.put([indexed(number) for number in range(8)])

    assert sum(len(request.body) // 2 for request in server.of("_bulk") if len(request.body) <= 4) == 8


def test_a_chunk_that_is_too_large_alone_is_rejected(server: Recorder) -> None:
    index = adapter(server)
    index.ensure()
    server.otherwise = refusing(413)

    with pytest.raises(DocumentError, match="too large"):
        index.put([indexed(0)])


@pytest.mark.parametrize("kind", ["mapper_parsing_exception", "illegal_argument_exception"])
def test_an_item_that_is_refused_is_the_documents_fault(server: Recorder, kind: str) -> None:
    index = adapter(server)
    index.ensure()
    server.answers.append(lambda request: (200, {"errors": True, "items": [item(201), item(400, kind)]}))

    with pytest.raises(DocumentError, match=f"Chunk 1: {kind}: because") as raised:
        index.put([indexed(0), indexed(1)])
    assert raised.value.code == "index_rejected"


@pytest.mark.parametrize("metadata", [{"s": "\ud800"}, {"n": 10**30}])
def test_a_chunk_that_is_no_json_is_the_documents_fault(server: Recorder, metadata: dict[str, Any]) -> None:
    with pytest.raises(DocumentError):
        adapter(server).put([indexed(0, metadata=metadata)])


def test_an_item_that_fails_inside_the_index_is_transient(server: Recorder) -> None:
    index = adapter(server)
    index.ensure()
    server.answers.append(lambda request: (200, {"errors": True, "items": [item(500, "io_exception")]}))

    with pytest.raises(TransientError):
        index.put([indexed(0)])


@pytest.mark.parametrize("status", [400, 401, 403, 500, 502, 503, 504])
def test_any_other_refusal_is_transient_for_every_call(server: Recorder, status: int) -> None:
    server.otherwise = refusing(status)
    index = adapter(server)

    for call in (
        lambda: index.put([indexed(0)]),
        lambda: index.remove(RUN, 1),
        lambda: index.count(RUN),
        lambda: index.search_vector(SCOPE, EAST, 1),
        lambda: index.search_text(SCOPE, "x", 1),
    ):
        with pytest.raises(TransientError):
            call()
    assert not index.ready()


def test_an_answer_of_some_shards_only_is_not_taken_for_the_whole(server: Recorder) -> None:
    partial = {"timed_out": False, "_shards": SHARDS | {"failed": 1}, "count": 3, "hits": {"hits": []}}
    server.otherwise = lambda request: (200, partial)
    index = adapter(server)

    with pytest.raises(TransientError):
        index.search_text(SCOPE, "x", 1)
    with pytest.raises(TransientError):
        index.count(RUN)


@pytest.mark.parametrize("answer", [b"<html>", gzip.compress(b"{}", mtime=0)], ids=["a page", "an archive"])
def test_an_answer_that_is_no_json_is_transient(server: Recorder, answer: bytes) -> None:
    server.otherwise = lambda request: (200, answer)

    with pytest.raises(TransientError):
        adapter(server).count(RUN)


def test_an_index_that_is_not_there_is_transient() -> None:
    with recorder() as gone:
        pass

    with pytest.raises(TransientError):
        adapter(gone).count(RUN)
    assert not adapter(gone).ready()


@pytest.mark.parametrize(("score", "product"), [(2.0, 1.0), (1.0, 0.0), (1.5, 0.5), (0.5, -1.0), (0.8, -0.25)])
def test_scores_are_mapped_back_to_inner_products(score: float, product: float) -> None:
    assert inner_product(score) == pytest.approx(product)


@pytest.mark.parametrize("settings", [{"index": "Upper"}, {"index": "_x"}, {"index": ""}, {"signing": Signing.SIGV4}])
def test_wrong_settings_are_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"name|region"):
        adapter(Recorder(url="http://127.0.0.1:1"), **settings)
