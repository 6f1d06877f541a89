"""How our own code is cut: sizes, names, and what may be touched where; the rest is for ruff and import-linter."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SHARED: Final = ROOT / "shared/forebay"
FILES: Final = sorted(
    file
    for folder in ("shared", "functions", "local")
    for file in (ROOT / folder).rglob("*.py")
    if "environments" not in file.parts and "__pycache__" not in file.parts
)
FILE_LINES: Final = 400
FUNCTION_LINES: Final = 60
PARAMETERS: Final = 5
DRAWERS: Final = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "manager", "base", "core_utils"})
ERROR_TREE: Final = frozenset(
    {"ForebayError", "CallerError", "DocumentError", "TransientError", "Superseded", "Exception", "BaseException"}
)
OUTSIDE: Final = frozenset(
    {
        "boto3", "botocore", "opensearchpy", "pika", "requests", "urllib3", "socket", "ssl", "subprocess",
        "onnxruntime", "tokenizers", "numpy", "charset_normalizer",
        "pypdf", "pypdfium2", "lxml", "python_calamine", "selectolax", "striprtf",
    }
)  # fmt: skip


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(file: Path) -> set[str]:
    """Top-level names of all modules that the file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def caught(file: Path) -> Iterator[tuple[str, ast.ExceptHandler]]:
    """Each name of the error tree (or above it) that the file catches, and where."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.ExceptHandler):
            for name in ast.walk(node.type) if node.type is not None else [ast.Name("BaseException")]:
                if isinstance(name, ast.Name) and name.id in ERROR_TREE:
                    yield name.id, node


def test_there_is_code_to_look_at() -> None:
    assert len(FILES) > 60


def test_no_file_is_longer_than_a_reader_bears() -> None:
    lines = {named(file): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}

    assert {name: count for name, count in lines.items() if count > FILE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lengths = {
        f"{named(file)}: {each.name}": (each.end_lineno or each.lineno) - each.lineno + 1
        for file in FILES
        for each in functions(file)
    }

    assert {name: length for name, length in lengths.items() if length > FUNCTION_LINES} == {}


def test_no_function_takes_more_than_five_parameters() -> None:
    counts = {}
    for file in FILES:
        for each in functions(file):
            given = [*each.args.posonlyargs, *each.args.args, *each.args.kwonlyargs]
            counts[f"{named(file)}: {each.name}"] = len([one for one in given if one.arg not in ("self", "cls")])

    assert {name: count for name, count in counts.items() if count > PARAMETERS} == {}


def test_nothing_is_put_into_a_drawer() -> None:
    places = {named(file) for file in FILES if {file.stem, *file.relative_to(ROOT).parts} & DRAWERS}

    assert places == set()


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        named(file)
        for file in FILES
        if SHARED in file.parents
        for node in ast.walk(tree(file))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb"))
        or (isinstance(node, ast.alias) and node.name in ("environ", "getenv", "environb"))
    }

    assert readers == {"shared/forebay/config.py"}


def test_only_adapters_reach_outside() -> None:
    others = [file for file in FILES if SHARED in file.parents and SHARED / "adapters" not in file.parents]

    assert {named(file): sorted(imported(file) & OUTSIDE) for file in others if imported(file) & OUTSIDE} == {}


def test_the_domain_has_no_clock_no_chance_and_no_files() -> None:
    worldly = {"time", "random", "secrets", "uuid", "os", "pathlib", "tempfile", "logging", "threading"}
    domain = [file for file in FILES if SHARED / "domain" in file.parents]
    found = {named(file): sorted(imported(file) & worldly) for file in domain if imported(file) & worldly}

    assert found == {"shared/forebay/domain/ports.py": ["pathlib"]}  # a port may name a file, and only name it


def test_use_cases_are_given_the_time() -> None:
    clocks = {"datetime", "date", "time", "uuid", "random", "secrets"}
    read = {
        f"{named(file)}: {node.value.id}.{node.attr}"
        for file in FILES
        if {SHARED / "service", SHARED / "domain"} & {*file.parents}
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in clocks
    }
    making_keys = "shared/forebay/service/authenticate.py"
    secrets_of_keys = {f"{making_keys}: secrets.{name}" for name in ("token_hex", "token_urlsafe")}

    texts_of_times = {f"shared/forebay/domain/times.py: datetime.{name}" for name in ("fromisoformat", "strptime")}

    assert read - secrets_of_keys == texts_of_times


def test_the_error_tree_is_caught_only_where_events_come_in_and_at_the_outside() -> None:
    """A use case may catch DocumentError alone, to record it as what became of the document: nothing is swallowed."""
    allowed = (SHARED / "entrypoints", SHARED / "adapters")
    others = [file for file in FILES if SHARED in file.parents and not {*file.parents} & {*allowed}]
    caughts = [(named(file), name, handler) for file in others for name, handler in caught(file)]

    beyond = [(where, name) for where, name, _ in caughts if name != "DocumentError" or "/service/" not in where]
    assert beyond == []
    for where, _, handler in caughts:
        assert handler.name, f"{where} drops the error that it catches"
        used = {node.id for node in ast.walk(ast.Module(handler.body, [])) if isinstance(node, ast.Name)}
        assert handler.name in used, f"{where} does not record the error that it catches"


def test_everything_is_caught_only_by_the_loops_that_answer_for_it() -> None:
    """And where a parser of foreign files runs, which may raise anything."""
    wide = {
        named(file)
        for file in FILES
        if SHARED in file.parents
        for name, _ in caught(file)
        if name in ("Exception", "BaseException")
    }
    reading = ("shared/forebay/entrypoints/", "shared/forebay/adapters/parsers/", "shared/forebay/adapters/sandboxed_")

    assert {place for place in wide if not place.startswith(reading)} == set()


def test_no_module_of_ours_is_imported_inside_a_function() -> None:
    inside = {
        f"{named(file)}: {function.name}"
        for file in FILES
        for function in functions(file)
        for node in ast.walk(function)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ("forebay", "local")
    }

    assert inside == set()
