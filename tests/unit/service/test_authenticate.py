from dataclasses import replace
from datetime import timedelta

import pytest

from forebay.domain.errors import CallerError
from forebay.domain.times import stamp
from forebay.service.authenticate import authenticate, create_key
from forebay.service.engine import Engine, Policy
from tests.builders import TENANT
from tests.unit.service.scene import Scene


def refused(engine: Engine, credential: str | None) -> bool:
    try:
        authenticate(engine, credential)
    except CallerError as error:
        return error.code == "unauthenticated"
    return False


def test_a_key_stands_for_its_tenant_and_scopes(scene: Scene) -> None:
    key = create_key(scene.engine, "acme", ["read", "write"])

    principal = authenticate(scene.engine, key)

    assert principal.tenant == TENANT
    assert principal.scopes == {"read", "write"}
    assert (principal.may("read"), principal.may("delete"), principal.may("admin")) == (True, False, False)


def test_admin_may_everything(scene: Scene) -> None:
    principal = authenticate(scene.engine, create_key(scene.engine, "acme", ["admin"]))

    assert all(principal.may(scope) for scope in ("read", "write", "delete", "admin"))


def test_the_secret_is_kept_nowhere(scene: Scene) -> None:
    secret = create_key(scene.engine, "acme", ["read"]).rpartition("_")[2]

    assert secret not in repr(scene.records.records)


def test_two_keys_are_never_alike(scene: Scene) -> None:
    assert len({create_key(scene.engine, "acme", ["read"]) for _ in range(50)}) == 50


def test_a_key_that_differs_in_one_character_is_refused(scene: Scene) -> None:
    key = create_key(scene.engine, "acme", ["read"])
    other = key[:-1] + ("A" if key[-1] != "A" else "B")

    assert refused(scene.engine, other)


@pytest.mark.parametrize("credential", ["", "fb_", "fb_0123456789abcdef_" + "x" * 43, "Bearer x", "fb_x_y", "\x00"])
def test_what_is_no_key_is_refused_even_where_anonymous_access_is_on(scene: Scene, credential: str) -> None:
    assert scene.engine.policy.anonymous_tenant == TENANT
    assert refused(scene.engine, credential)


def test_without_a_key_one_is_the_anonymous_tenant_or_nobody(scene: Scene) -> None:
    closed = replace(scene.engine, policy=Policy(anonymous_tenant=None))

    assert authenticate(scene.engine, None).tenant == TENANT
    assert refused(closed, None)


def test_a_key_works_until_it_expires(scene: Scene) -> None:
    key = create_key(scene.engine, "acme", ["read"], stamp(scene.clock() + timedelta(hours=1)))

    before = refused(scene.engine, key)
    scene.clock.move(3_600)

    assert (before, refused(scene.engine, key)) == (False, True)


def test_a_disabled_key_is_refused(scene: Scene) -> None:
    key = create_key(scene.engine, "acme", ["read"])
    ((place, record),) = scene.records.records.items()
    scene.records.records[place] = {**record, "disabled": True}

    assert refused(scene.engine, key)


@pytest.mark.parametrize(
    ("tenant", "scopes"), [("Acme", ["read"]), ("a#b", ["read"]), ("acme", []), ("acme", ["root"])]
)
def test_a_key_for_a_bad_tenant_or_scope_is_not_made(scene: Scene, tenant: str, scopes: list[str]) -> None:
    with pytest.raises(ValueError, match="tenant must match"):
        create_key(scene.engine, tenant, scopes)
