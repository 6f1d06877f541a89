"""The dialects' cases against the real stack: those marked `live`, or with FOREBAY_CASES=all every one that can be.

A case has a tenant of its own, so that it meets an empty system. Left out are cases that stop the workers half way,
need buckets of others, the web or another policy, are about requests without a key, or say `"live": false`: they look
at a moment that passes, or hold files that only the fake reader cannot read.
"""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

import pytest
import requests

from forebay.domain.document import TenantId
from forebay.service.authenticate import create_key
from tests.conformance.dialects.cases import Case, every_case, filled, take
from tests.e2e.cloud import TERMINAL, Cloud, eventually
from tests.http_client import BOUNDARY, Answer, Form

ALL = os.environ.get("FOREBAY_CASES") == "all"


def is_playable(case: Case) -> bool:
    steps = case["steps"]
    as_deployed = case.get("anonymous") is not False and "requests_per_minute" not in case and case.get("live", True)
    return as_deployed and not any(
        "steps_of_work" in step or "url" in step or "bucket" in step.get("object", {}) for step in steps
    )


CASES = [each for each in every_case() if is_playable(each.values[0]) and (ALL or each.values[0].get("live"))]


class Caller:
    """A tenant of its own, over HTTP."""

    def __init__(self, cloud: Cloud, tenant: str) -> None:
        self.cloud = cloud
        self.tenant = tenant
        self.engine = cloud.engine()
        self.key = create_key(self.engine, tenant, ["admin"])

    def send(self, method: str, url: str, body: Any, headers: Mapping[str, str]) -> Answer:
        """A request with the tenant's key, unless the case brings one."""
        sent = {name.lower(): value for name, value in headers.items()}
        if "x-api-key" not in sent:
            sent.setdefault("authorization", f"Bearer {self.key}")
        content: bytes | None = None
        if isinstance(body, Form):
            content, sent["content-type"] = body.encoded(), f"multipart/form-data; boundary={BOUNDARY}"
        elif body is not None:
            content = (body if isinstance(body, str) else json.dumps(body)).encode()
            sent.setdefault("content-type", "application/json")
        answer = requests.request(method, f"{self.cloud.url}{url}", data=content, headers=sent, timeout=40)
        return Answer(answer.status_code, {n.lower(): v for n, v in answer.headers.items()}, answer.text)

    def rest(self) -> None:
        """Wait until all of the tenant's jobs have ended."""

        def ended() -> bool:
            jobs = self.send("GET", "/forebay/v1/jobs?limit=100", None, {}).json["data"]
            return all(job["status"] in TERMINAL for job in jobs)

        eventually(ended, 60)


@pytest.mark.parametrize("case", CASES)
def test_case(case: Case, cloud: Cloud, request: pytest.FixtureRequest) -> None:
    caller = Caller(cloud, f"case-{abs(hash(request.node.nodeid)) % 10**9}-{os.getpid()}")
    kept = {
        name: create_key(caller.engine, TenantId(f"{caller.tenant}-{name}"), scopes)
        for name, scopes in case.get("keys", {}).items()
    }
    kept["tenant"] = caller.tenant

    for number, step in enumerate(case["steps"], start=1):
        if step.get("work"):
            caller.rest()
        elif "seconds" in step:
            time.sleep(step["seconds"])
        elif "object" in step:
            told = filled(step["object"], kept)
            cloud.put_upload(told["key"], told["content"].encode())
        else:
            take(caller.send, step, kept, f"step {number}: {step['send']}")
