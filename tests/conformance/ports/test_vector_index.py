"""The indexes against their contract: the fake, the adapter on our index server, parts of it on osmem-server."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from forebay.adapters.memory_index import MemoryIndex
from forebay.adapters.opensearch_index import OpenSearchIndex, OpenSearchSettings, Signing
from tests.conformance.ports.index_servers import call, local_index_server, osmem_server
from tests.conformance.ports.vector_index_suite import (
    DIMENSION,
    MetadataFilterSuite,
    Subject,
    VectorIndexSuite,
    WritePathSuite,
)


def on_server(url: str) -> Subject:
    """The adapter on a new index that refreshes when told to, and not for an hour otherwise."""
    name = f"chunks-{uuid4().hex}"
    index = OpenSearchIndex(
        OpenSearchSettings(
            endpoint=url, index=name, dimension=DIMENSION, signing=Signing.NONE, refresh_seconds=3_600, replicas=0
        )
    )
    index.ensure()

    def make_visible() -> None:
        call(f"{url}/{name}/_refresh")

    return Subject(index, make_visible)


@pytest.fixture(scope="module")
def local_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_index_server(tmp_path_factory.mktemp("index")) as url:
        yield url


@pytest.fixture(scope="module")
def osmem_url() -> Iterator[str]:
    with osmem_server() as url:
        yield url


class TestMemoryIndex(VectorIndexSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        index = MemoryIndex(dimension=DIMENSION)
        return Subject(index, index.refresh)


class TestMemoryIndexWithAutoRefresh(WritePathSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        return Subject(MemoryIndex(auto_refresh=True, dimension=DIMENSION), lambda: None)


class TestOpenSearchIndexOnTheLocalServer(VectorIndexSuite):
    @pytest.fixture
    def subject(self, local_url: str) -> Subject:
        return on_server(local_url)


class TestOpenSearchIndexOnOsmem(WritePathSuite, MetadataFilterSuite):
    """An independent judge of the mapping, bulk requests, counts and filters; it knows no k-NN query."""

    searches_vectors = False

    @pytest.fixture
    def subject(self, osmem_url: str) -> Subject:
        return on_server(osmem_url)
