"""Documents that stand at URLs, on a stack that may reach this machine's own web server."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.e2e.cloud import Cloud
from tests.web_server import WebServer, web_server

HERONS = "The grey heron waits without moving beside the weir until a fish comes near."


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    with web_server() as server:
        server.answers("/birds.txt", HERONS.encode(), headers={"Content-Type": "text/plain"})
        server.redirects("/moved", "/birds.txt")
        yield server


def test_what_stands_at_a_url_is_found_and_what_does_not_has_a_reason(reaching: Cloud, web: WebServer) -> None:
    urls = {"moved": web.url("/moved"), "gone": web.url("/gone"), "odd": f"http://0x7f000001:{web.port}/birds.txt"}
    documents = [{"id": id_, "source": {"type": "url", "url": url}} for id_, url in urls.items()]

    job = reaching.finished(reaching.ingest("web", *documents)["id"])

    rows = reaching.call("GET", f"/jobs/{job['id']}/documents").json()["data"]
    found = {row["id"]: row["error"]["code"] if row["error"] else row["status"] for row in rows}
    assert found == {"moved": "ready", "gone": "url_status", "odd": "url_forbidden"}
    assert [hit["text"] for hit in reaching.hits("web", "which bird waits beside the weir?")] == [HERONS]


def test_who_fetches_has_no_rights_to_the_table(reaching: Cloud, web: WebServer) -> None:
    document = {"id": "again", "source": {"type": "url", "url": web.url("/birds.txt")}}
    reaching.finished(reaching.ingest("rights", document)["id"])
    table = reaching.client_of("FetchFunction", "dynamodb")

    with pytest.raises(ClientError) as denied:
        table.get_item(TableName=reaching.resources["Table"], Key={"pk": {"S": "x"}, "sk": {"S": "x"}})

    assert denied.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
