"""Documents that stand at URLs, on a stack that may reach this machine's own web server."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from local.processes import environment_of
from tests.e2e.cloud import READY, Cloud, Serve, describe, free_port
from tests.web_server import WebServer, web_server

HERONS = "The grey heron waits without moving beside the weir until a fish comes near."


@pytest.fixture(scope="module")
def reaching() -> Iterator[Cloud]:
    """A stack of its own, with private addresses allowed."""
    serve = Serve(free_port(), {"FOREBAY_ALLOW_PRIVATE_CALLBACKS": "1"})
    try:
        assert serve.first_line() == READY + serve.url
        yield describe(serve)
    finally:
        serve.stop()


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
    environment = environment_of(reaching.workers("FetchFunction")[0])
    table = reaching.endpoint.client(
        "dynamodb",
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment["AWS_SESSION_TOKEN"],
    )

    with pytest.raises(ClientError) as denied:
        table.get_item(TableName=reaching.resources["Table"], Key={"pk": {"S": "x"}, "sk": {"S": "x"}})

    assert denied.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
