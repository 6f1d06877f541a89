"""The local index server by itself: durable, late like OpenSearch, strict, exact, on loopback only."""

import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from forebay.adapters.opensearch_index import OpenSearchIndex, OpenSearchSettings, Signing
from forebay.domain.document import IndexedChunk, RunId
from forebay.domain.errors import TransientError
from local.index_server.server import IndexServer
from local.index_server.store import IndexStore
from tests.conformance.ports.index_servers import ROOT, call, first_line, local_index_server
from tests.conformance.ports.vector_index_suite import EAST, SCOPE, WEST, indexed

DEADLINE_SECONDS = 10.0
RUN = RunId("run1")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_index_server(tmp_path_factory.mktemp("index")) as url:
        yield url


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """An index of its own for each test."""
    return f"i{abs(hash(request.node.nodeid))}"


def adapter(url: str, name: str, *, dimension: int = 4, refresh_seconds: float = 3_600) -> OpenSearchIndex:
    settings = OpenSearchSettings(url, name, dimension, Signing.NONE, refresh_seconds=refresh_seconds)
    return OpenSearchIndex(settings, sleep=lambda seconds: None)


def wait_until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        pause.wait(0.01)


def refusal(url: str, method: str = "POST", body: object = None) -> tuple[int, str]:
    """Status and error type of a request that must be refused; the error must have OpenSearch's shape."""
    with pytest.raises(HTTPError) as raised:
        call(url, method, body)
    with raised.value as error:
        answer = json.load(error)
    assert answer["status"] == raised.value.code
    assert answer["error"]["root_cause"][0]["type"] == answer["error"]["type"]
    return answer["status"], answer["error"]["type"]


def post_lines(url: str, *lines: object) -> Any:
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    request = urllib.request.Request(url, content, {"content-type": "application/x-ndjson"}, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def unit_vectors(count: int, dimension: int, seed: int) -> list[list[float]]:
    source = random.Random(seed)
    vectors = [[source.gauss(0, 1) for _ in range(dimension)] for _ in range(count)]
    return [[x / math.sqrt(sum(y * y for y in vector)) for x in vector] for vector in vectors]


# -- durability and visibility ---------------------------------------------------------------------------------------


def test_acknowledged_writes_survive_a_kill_visible_or_not(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.index_server", "--port", "0", "--folder", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        url = first_line(server)
        index = adapter(url, "chunks")
        index.put([indexed(number) for number in range(3)])
        call(f"{url}/chunks/_refresh")
        index.put([indexed(0, vector=WEST), indexed(3)])
        index.remove(RUN, 1)
        index.put([indexed(4)])
        os.kill(server.pid, signal.SIGKILL)

    with local_index_server(tmp_path) as url:
        index = adapter(url, "chunks")
        assert index.count(RUN) == 3
        call(f"{url}/chunks/_refresh")
        assert {hit.chunk.number for hit in index.search_vector(SCOPE, EAST, 9)} == {1, 2, 3, 4}
        assert len(index.search_text(SCOPE, "barge", 9)) == 4


def test_sigterm_ends_it_cleanly_and_makes_all_writes_visible(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local.index_server", "--port", "0", "--folder", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        adapter(first_line(server), "chunks").put([indexed(0)])
        server.terminate()
        assert server.wait(DEADLINE_SECONDS) == 0

    with local_index_server(tmp_path) as url:
        assert adapter(url, "chunks").count(RUN) == 1


def test_writes_become_visible_by_themselves_after_the_refresh_interval(url: str, name: str) -> None:
    index = adapter(url, name, refresh_seconds=0.05)
    index.put([indexed(0)])

    wait_until(lambda: index.count(RUN) == 1)
    index.remove(RUN, 1)
    wait_until(lambda: index.count(RUN) == 0)


def test_places_of_removed_chunks_are_used_again(url: str, name: str) -> None:
    index = adapter(url, name)
    for turn in range(4):
        index.put([indexed(number, run=f"r{turn}") for number in range(600)])
        call(f"{url}/{name}/_refresh")
        index.remove(RunId(f"r{turn - 1}"), 600)
        call(f"{url}/{name}/_refresh")

    assert [index.count(RunId(f"r{turn}")) for turn in range(4)] == [0, 0, 0, 600]
    assert {hit.run for hit in index.search_text(SCOPE, "barge", 1_000)} == {"r3"}


# -- search ----------------------------------------------------------------------------------------------------------


def test_vector_search_is_exact(url: str, name: str) -> None:
    seed = 20_260_101
    vectors = unit_vectors(2_000, 32, seed)
    index = adapter(url, name, dimension=32)
    index.put([indexed(number, vector=vector) for number, vector in enumerate(vectors)])
    call(f"{url}/{name}/_refresh")

    for query in unit_vectors(5, 32, seed + 1):
        products = [math.fsum(a * b for a, b in zip(vector, query, strict=True)) for vector in vectors]
        nearest = sorted(range(len(vectors)), key=lambda number: -products[number])[:10]
        hits = index.search_vector(SCOPE, query, 10)
        assert [hit.chunk.number for hit in hits] == nearest, f"seed {seed}"
        assert [hit.score for hit in hits] == pytest.approx([products[number] for number in nearest], abs=1e-4)


def test_text_scores_are_lucenes_bm25(url: str, name: str) -> None:
    index = adapter(url, name)
    index.put([indexed("mill mill weir", run="a"), indexed("mill", run="b"), indexed("lock gate", run="c")])
    call(f"{url}/{name}/_refresh")

    hits = index.search_text(SCOPE, "Mill", 5)

    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    expected = {"a": idf * 2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2)), "b": idf * 1 / (1 + 1.2 * (0.25 + 0.75 * 1 / 2))}
    assert {hit.run: pytest.approx(hit.score) for hit in hits} == expected


# -- strictness ------------------------------------------------------------------------------------------------------

VECTOR = {"vector": [1.0, 0.0, 0.0, 0.0], "k": 1}


@pytest.mark.parametrize(
    "query",
    [
        {"query_string": {"query": "x"}},
        {"match": {"text": {"query": "x", "fuzziness": 2}}},
        {"match": {"run": {"query": "x"}}},
        {"match": {"text": {"query": 7}}},
        {"bool": {"must": [{"match": {"text": {"query": "x"}}}], "filters": []}},
        {"bool": {"must": [{"match": {"text": {"query": "x"}}}], "filter": [{"term": {"run": "short form"}}]}},
        {"bool": {"must": [{"match": {"text": {"query": "x"}}}], "filter": [{"term": {"name": {"value": "x"}}}]}},
        {"bool": {"must": [{"match": {"text": {"query": "x"}}}], "filter": [{"term": {"nothing": {"value": "x"}}}]}},
        {"bool": {"must": [{"match": {"text": {"query": "x"}}}], "filter": [{"range": {"labels": {"from": "x"}}}]}},
        {"bool": {"must": [{"match": {"text": {"query": "x"}}}], "filter": [{"terms": {"key": "x"}}]}},
        {"knn": {"vector": VECTOR | {"vector": [1.0]}}},
        {"knn": {"vector": VECTOR | {"k": 0}}},
        {"knn": {"vector": VECTOR | {"k": "1"}}},
        {"knn": {"vector": VECTOR | {"rescoring": True}}},
        {"knn": {"text": VECTOR}},
        {"knn": {"vector": VECTOR, "text": VECTOR}},
        {"knn": {"vector": VECTOR | {"filter": {"unknown": {}}}}},
        {"knn": VECTOR, "match": {}},
        {},
    ],
)
def test_queries_that_it_does_not_know_are_refused(url: str, name: str, query: object) -> None:
    adapter(url, name).ensure()

    status, kind = refusal(f"{url}/{name}/_search", "POST", {"size": 1, "query": query})
    assert status == 400
    assert kind.endswith("_exception")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "/_cluster/settings", None, (400, "invalid_index_name_exception")),
        ("POST", "/{}/_delete_by_query", {}, (400, "illegal_argument_exception")),
        ("GET", "/{}/_search", None, (400, "illegal_argument_exception")),
        ("POST", "/absent/_search", {"query": {}}, (404, "index_not_found_exception")),
        ("GET", "/absent/_mapping", None, (404, "index_not_found_exception")),
        ("PUT", "/{}", {"mappings": {"dynamic": "strict"}}, (400, "resource_already_exists_exception")),
        ("PUT", "/other", {"mappings": {"dynamic": True}}, (400, "mapper_parsing_exception")),
        ("PUT", "/other", {"settings": {"index": {"shards": 1}}}, (400, "illegal_argument_exception")),
        ("PUT", "/other", {"mapping": {}}, (400, "parse_exception")),
        ("POST", "/{}/_search?timeout=1s", {"query": {}}, (400, "illegal_argument_exception")),
        ("POST", "/{}/_search", {"qeury": {}}, (400, "parsing_exception")),
        ("POST", "/{}/_search", {"size": 10_001, "query": {}}, (400, "illegal_argument_exception")),
        ("POST", "/{}/_count", {"query": {"match_none": {}}}, (400, "parsing_exception")),
    ],
)
def test_operations_that_it_does_not_know_are_refused(
    url: str, name: str, method: str, path: str, body: object, expected: tuple[int, str]
) -> None:
    adapter(url, name).ensure()

    assert refusal(url + path.format(name), method, body) == expected


@pytest.mark.parametrize("field", [{"type": "nested"}, {"type": "keyword", "boost": 2}, {"type": "object"}, "keyword"])
def test_fields_that_it_does_not_know_are_refused(url: str, field: object) -> None:
    body = {"mappings": {"dynamic": "strict", "properties": {"f": field}}}

    assert refusal(f"{url}/other", "PUT", body) == (400, "mapper_parsing_exception")


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"unknown": 1}, "strict_dynamic_mapping_exception"),
        ({"vector": [1.0]}, "mapper_parsing_exception"),
        ({"vector": [1.0, 0.0, 0.0, None]}, "mapper_parsing_exception"),
        ({"vector": [1.0, 0.0, 0.0, "0"]}, "mapper_parsing_exception"),
        ({"chunk": "one"}, "mapper_parsing_exception"),
        ({"chunk": 2**31}, "mapper_parsing_exception"),
        ({"run": {"a": 1}}, "mapper_parsing_exception"),
        ({"metadata": 7}, "mapper_parsing_exception"),
        ({"labels": ["x" * 32_767]}, "illegal_argument_exception"),
        ("text", "mapper_parsing_exception"),
    ],
)
def test_a_wrong_document_is_refused_by_itself(url: str, name: str, document: object, kind: str) -> None:
    adapter(url, name).ensure()

    answer = post_lines(f"{url}/{name}/_bulk", {"index": {"_id": "1"}}, {"run": "a"}, {"index": {"_id": "2"}}, document)

    assert answer["errors"] is True
    assert answer["items"][0]["index"]["status"] == 201
    assert answer["items"][1]["index"]["status"] == 400
    assert answer["items"][1]["index"]["error"]["type"] == kind


def test_items_say_what_was_done(url: str, name: str) -> None:
    adapter(url, name).ensure()
    bulk = f"{url}/{name}/_bulk"

    first = post_lines(bulk, {"index": {"_id": "1"}}, {}, {"delete": {"_id": "2"}}, {"index": {"_id": "i" * 513}}, {})
    again = post_lines(f"{bulk}?filter_path=items.*.status", {"index": {"_id": "1"}}, {}, {"delete": {"_id": "1"}})

    results = [result for outcome in first["items"] for result in outcome.values()]
    assert [(result["status"], result.get("result")) for result in results] == [
        (201, "created"),
        (404, "not_found"),
        (400, None),
    ]
    assert again == {"items": [{"index": {"status": 200}}, {"delete": {"status": 200}}]}


@pytest.mark.parametrize(
    "lines",
    [
        [{"create": {"_id": "1"}}, {}],
        [{"index": {}}, {}],
        [{"index": {"_id": "1", "version": 3}}, {}],
        [{"index": {"_id": "1"}}],
    ],
)
def test_malformed_bulk_requests_are_refused_whole(url: str, name: str, lines: list[object]) -> None:
    adapter(url, name).ensure()

    with pytest.raises(HTTPError) as raised:
        post_lines(f"{url}/{name}/_bulk", *lines)
    with raised.value as error:
        assert error.code == 400


# -- faults ----------------------------------------------------------------------------------------------------------


def test_throttling_that_was_asked_for_is_ridden_out(url: str, name: str) -> None:
    index = adapter(url, name)
    index.ensure()
    call(f"{url}/_local/faults", "PUT", {"requests": 2, "items": 3})

    index.put([indexed(number) for number in range(5)])
    call(f"{url}/{name}/_refresh")

    assert index.count(RUN) == 5


def test_lasting_throttling_is_transient(url: str, name: str) -> None:
    index = adapter(url, name)
    index.ensure()
    call(f"{url}/_local/faults", "PUT", {"requests": 1_000})

    with pytest.raises(TransientError):
        index.put([indexed(0)])
    call(f"{url}/_local/faults", "PUT", {})


def test_requests_larger_than_asked_for_are_refused_and_halved(url: str, name: str) -> None:
    index = adapter(url, name)
    index.ensure()
    call(f"{url}/_local/faults", "PUT", {"most_bytes": 5_000})

    chunks: list[IndexedChunk] = [indexed(number) for number in range(100)]
    index.put(chunks)
    call(f"{url}/_local/faults", "PUT", {})
    call(f"{url}/{name}/_refresh")

    assert index.count(RUN) == 100


# -- where it listens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "localhost.example"])
def test_it_refuses_to_listen_anywhere_but_on_loopback(tmp_path: Path, host: str) -> None:
    store = IndexStore(tmp_path)

    with pytest.raises(ValueError, match=r"loopback|address"):
        IndexServer(host, 0, store)
    store.close()
