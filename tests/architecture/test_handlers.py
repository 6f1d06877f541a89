"""One verb, six places: function, use case, command or event, template resources, sample event, unit test."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
VERBS = sorted(folder.name for folder in (REPOSITORY / "functions").iterdir() if (folder / "handler.py").is_file())

# Where a verb's use cases are, when they do not bear its name.
USE_CASES = {
    "api": ("submit", "watch", "read", "collections", "remove", "uploads"),
    "control": ("expand", "purge"),
    "embed": ("embed", "publish"),
}
# What starts a verb that no command of its own queue does.
STARTED_BY_EVENTS = {"api": "HTTP", "search": "HTTP", "intake": "S3", "bury": "dead letters", "sweep": "schedule"}
QUEUELESS = {"api", "search", "sweep", "bury"}  # bury reads the dead letters of all


def use_cases(verb: str) -> tuple[str, ...]:
    return USE_CASES.get(verb, (verb,))


def handler_source(verb: str) -> str:
    return (REPOSITORY / "functions" / verb / "handler.py").read_text(encoding="utf-8")


def test_the_verbs_are_those_of_the_design() -> None:
    assert {"api", "search", "intake", "fetch", "extract", "embed", "deliver", "control", "bury", "sweep"} <= set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_handler_has_at_most_40_lines(verb: str) -> None:
    assert len(handler_source(verb).splitlines()) <= 40


@pytest.mark.parametrize("verb", VERBS)
def test_a_handler_only_wires(verb: str) -> None:
    tree = ast.parse(handler_source(verb))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    imported = {str(getattr(node, "module", "")).partition(".")[0] for node in imports}
    assigned = {name.id for node in tree.body if isinstance(node, ast.Assign) for name in node.targets
                if isinstance(name, ast.Name)}  # fmt: skip

    assert imported == {"forebay"}
    assert "handler" in assigned
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_its_use_cases(verb: str) -> None:
    missing = [name for name in use_cases(verb) if not (REPOSITORY / f"shared/forebay/service/{name}.py").is_file()]

    assert missing == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_a_command_or_an_event_that_starts_it(verb: str) -> None:
    source = (REPOSITORY / "shared/forebay/domain/commands.py").read_text(encoding="utf-8")
    commanded = set(re.findall(r'verb: ClassVar\[str\] = "(\w+)"', source))

    assert (verb in commanded) != (verb in STARTED_BY_EVENTS)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_its_resources_in_the_template(verb: str) -> None:
    template = (REPOSITORY / "template.yaml").read_text(encoding="utf-8")
    name = verb.capitalize()
    wanted = [f"{name}Function"] if verb in QUEUELESS else [f"{name}Function", f"{name}Queue", f"{name}DeadLetters"]

    assert [each for each in wanted if not re.search(rf"^  {each}:", template, re.MULTILINE)] == []


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_a_sample_event(verb: str) -> None:
    assert list((REPOSITORY / "events").glob(f"{verb}_*.json"))


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_use_cases_have_unit_tests(verb: str) -> None:
    there = {file.stem for file in (REPOSITORY / "tests/unit/service").glob("test_*.py")}

    assert [name for name in use_cases(verb) if f"test_{name}" not in there] == []
