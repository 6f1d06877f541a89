import pytest
from pydantic import ValidationError

from forebay.domain.commands import (
    COMMANDS,
    CancelJob,
    Command,
    EmbedChunks,
    ExpandJob,
    ExtractDocument,
    PublishDocument,
    PurgeDocument,
)
from forebay.domain.stored_document import Lane
from tests.builders import COLLECTION, JOB, TENANT, a_document_key, a_run

OF = {"tenant": TENANT, "collection": COLLECTION, "key": a_document_key()}
EVERY: list[Command] = [
    ExtractDocument.model_validate({**OF, "run": a_run()}),
    ExtractDocument.model_validate({**OF, "run": a_run(), "lane": "interactive", "part": 2}),
    EmbedChunks.model_validate({**OF, "run": a_run(), "batch": 3}),
    PublishDocument.model_validate({**OF, "run": a_run(), "tries": 2}),
    ExpandJob(tenant=TENANT, job=JOB),
    CancelJob(tenant=TENANT, job=JOB),
    PurgeDocument.model_validate(OF),
]


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.type)
def test_a_command_is_read_as_it_was_written(command: Command) -> None:
    assert COMMANDS.validate_json(command.model_dump_json()) == command


@pytest.mark.parametrize("command", EVERY, ids=lambda command: command.type)
def test_a_command_tells_its_version_tenant_and_type_and_stays_small(command: Command) -> None:
    body = command.model_dump()

    assert (body["v"], body["tenant"], body["type"]) == (1, TENANT, type(command).__name__)
    assert len(command.model_dump_json()) < 300


def test_members_that_came_later_are_left_out_where_they_say_the_usual() -> None:
    usual = ExtractDocument.model_validate({**OF, "run": a_run()})
    unusual = usual.model_copy(update={"lane": Lane.INTERACTIVE, "part": 1})

    assert usual.model_dump().keys() == {"v", "tenant", "collection", "key", "type", "run"}
    assert unusual.model_dump().keys() - usual.model_dump().keys() == {"lane", "part"}


@pytest.mark.parametrize("change", [{"v": 2}, {"type": "Unheard"}, {"more": 1}, {"tenant": None}, {"batch": -1}])
def test_what_is_not_wholly_understood_is_not_read(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        COMMANDS.validate_python({**EVERY[2].model_dump(), **change})
