"""A small client of Forebay's own API over HTTP, as a user would write one; called by `local.demo` and `local.soak`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import urllib3

BASE: Final = "/forebay/v1"


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """The API said no; what its problem document says."""

    status: int  # 0 = there was no answer
    code: str
    detail: str
    hint: str

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" + (f" ({self.hint})" if self.hint else "")


class Client:
    """Calls the API at `url`; every method raises Refused for an answer of 400 and above."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(maxsize=4, retries=False, timeout=urllib3.Timeout(connect=5, read=60))

    def get(self, path: str, **query: str | int | None) -> dict[str, Any]:
        """GET below the base path; None leaves a query parameter out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._call("GET", path + ("?" + urlencode(given) if given else ""), None)

    def post(self, path: str, body: Mapping[str, Any], idempotency_key: str = "") -> dict[str, Any]:
        """POST a JSON body below the base path."""
        return self._call("POST", path, json.dumps(body).encode(), idempotency_key)

    def delete(self, path: str) -> dict[str, Any]:
        """DELETE below the base path."""
        return self._call("DELETE", path, None)

    def send_file(self, upload: Mapping[str, Any], content: bytes) -> None:
        """Put the file where `POST /uploads` said; an S3 POST wants the file as the last field."""
        form = [*upload["fields"].items(), ("file", ("file", content))]
        answer = self._send("POST", upload["url"], fields=form)
        if answer.status >= 400:
            raise Refused(answer.status, "upload_refused", answer.data.decode("utf-8", "replace")[:300], "")

    def _call(self, method: str, path: str, body: bytes | None, idempotency_key: str = "") -> dict[str, Any]:
        headers = {"content-type": "application/json"} if body is not None else {}
        headers |= {"idempotency-key": idempotency_key} if idempotency_key else {}
        answer = self._send(method, self._url + BASE + path, body=body, headers=headers)
        content = _parsed(answer.data)
        if content is None or "errorMessage" in content:  # Lambda's words, not ours: the function died at it
            said = answer.data.decode("utf-8", "replace")[:300]
            raise Refused(answer.status if answer.status >= 400 else 0, "no_answer", said, "see the logs of the run")
        if answer.status >= 400:
            detail = _detail(content) or answer.data.decode("utf-8", "replace")[:300]
            raise Refused(answer.status, str(content.get("code", "unknown")), detail, str(content.get("hint") or ""))
        return content

    def _send(self, method: str, url: str, **content: Any) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request(method, url, **content)
        except urllib3.exceptions.HTTPError as error:
            raise Refused(0, "no_answer", f"{method} {url}: {error}", "see the logs of the run") from error


def _parsed(data: bytes) -> dict[str, Any] | None:
    """The JSON object; None where it is none, as when its server died at it."""
    try:
        content = json.loads(data or b"{}")
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _detail(problem: Mapping[str, Any]) -> str:
    places = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in problem.get("errors") or []]
    return "; ".join([str(problem.get("detail") or problem.get("title") or ""), *places[:3]]).strip("; ")
