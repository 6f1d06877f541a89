"""Turn the built template into one that the emulator can run; called by `local.deploy`, pure but for reading the build.

Functions keep their handlers, roles, variables and triggers. Their code is not uploaded: each becomes a
`provided.al2023` function whose only file is a bootstrap that starts `local/worker.py` on the built folders.
"""

import copy
import hashlib
import io
import json
import shlex
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CODE_BUCKET: Final = "forebay-local-code"
FUNCTION: Final = "AWS::Serverless::Function"
LAYER: Final = "AWS::Serverless::LayerVersion"
SCHEDULES: Final = frozenset({"Schedule", "ScheduleV2"})

# Resource types the emulator refuses, each with the reason it may be left out on a laptop.
LEFT_OUT: Final[Mapping[str, str]] = {
    "AWS::Events::ApiDestination": "deliveries are made by a function, not by EventBridge",
    "AWS::Events::Connection": "belongs to an API destination",
    "AWS::Events::Archive": "nobody replays events of a laptop",
    "AWS::OpenSearchServerless::Collection": "the index is the local index server",
    "AWS::OpenSearchServerless::SecurityPolicy": "the index is the local index server",
    "AWS::OpenSearchServerless::AccessPolicy": "the index is the local index server",
    "AWS::CloudWatch::CompositeAlarm": "nobody is paged by a laptop",
    "AWS::Serverless::Application": "nested applications come from a registry in AWS",
}

BATCHED: Final = frozenset({"sqs:SendMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"})

# Paths in Lambda that a layer's content has at run time; locally they are inside the built layer.
LAYER_ROOT: Final = "/opt/"


class TemplateError(Exception):
    """The built template has something that this step cannot carry over; the message names resource and mend."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on this machine."""

    build: Path  # folder of the built template
    worker_python: Path  # interpreter that stands for Lambda's managed runtime
    settings: Path  # folder for one JSON file per function, read by local/worker.py
    logs: Path  # folder for one log file per function
    scratch: Path  # TMPDIR of the functions


@dataclass(frozen=True, slots=True)
class LocalTemplate:
    """What `localise` makes."""

    template: dict[str, Any]
    archives: Mapping[str, bytes]  # S3 key in CODE_BUCKET -> zip
    settings: Mapping[str, str]  # function's logical id -> content of its settings file
    scheduled: Mapping[str, str]  # logical id of a function with a schedule -> JSON input of its schedule
    left_out: Mapping[str, str]  # logical id -> reason


def localise(
    template: Mapping[str, Any], places: Places, fixed: Mapping[str, str], parameters: Mapping[str, str]
) -> LocalTemplate:
    """Return the template for the emulator and what has to be put beside it; the argument is not changed.

    `fixed` are variables that every function gets on top of its own (the emulator's address), `parameters` are the
    values that the stack will be given. Raises TemplateError for a layer or code location that is not in the build.
    """
    local = copy.deepcopy(dict(template))
    local["Resources"] = _with_numbers(local["Resources"], _numbers(local.get("Parameters", {}), parameters))
    local["Resources"] = _with_batch_actions(local["Resources"])
    left_out = _leave_out(local["Resources"])
    shared = local.get("Globals", {}).get("Function", {})
    layers = _layer_folders(local["Resources"], places.build)
    archives: dict[str, bytes] = {}
    settings: dict[str, str] = {}
    scheduled: dict[str, str] = {}
    for name, properties in _functions(local["Resources"]):
        settings[name] = _worker_settings(name, {**shared, **properties}, _both(shared, properties, layers), places)
        settings[name] = _with_fixed(settings[name], fixed)
        archive = _bootstrap_archive(name, settings[name], places)
        key = f"{name}/{hashlib.sha256(archive).hexdigest()}.zip"
        archives[key] = archive
        properties.update(CodeUri=f"s3://{CODE_BUCKET}/{key}", Runtime="provided.al2023", Architectures=["x86_64"])
        properties.pop("Layers", None)
        scheduled.update((name, given) for given in _schedule_inputs(properties))
    for managed in ("Layers", "Runtime", "Architectures"):
        shared.pop(managed, None)
    _remove(local, layers)
    return LocalTemplate(local, archives, settings, scheduled, left_out)


def _numbers(declared: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, int]:
    given = {name: values.get(name, p.get("Default")) for name, p in declared.items() if p["Type"] == "Number"}
    return {name: int(value) for name, value in given.items()}


def _with_numbers(value: Any, numbers: Mapping[str, int]) -> Any:
    """Put the numbers in the place of the parameters: CloudFormation makes numbers of them, the emulator text.

    Not in variables of functions, where CloudFormation makes text of numbers.
    """
    if isinstance(value, list):
        return [_with_numbers(inner, numbers) for inner in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and value.get("Ref") in numbers:
        return numbers[value["Ref"]]
    return {key: inner if key == "Variables" else _with_numbers(inner, numbers) for key, inner in value.items()}


def _with_batch_actions(value: Any) -> Any:
    """Add to each allowed action of SQS the batch form, which AWS covers by it and the emulator does not."""
    if isinstance(value, list):
        return [_with_batch_actions(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _with_batch_actions(inner) for key, inner in value.items()}
    if "Action" in changed:
        actions = changed["Action"] if isinstance(changed["Action"], list) else [changed["Action"]]
        changed["Action"] = [*actions, *(f"{action}Batch" for action in actions if action in BATCHED)]
    return changed


def _leave_out(resources: dict[str, Any]) -> dict[str, str]:
    left_out = {name: LEFT_OUT[r["Type"]] for name, r in resources.items() if r["Type"] in LEFT_OUT}
    for name in left_out:
        del resources[name]
    for resource in resources.values():
        if resource["Type"] == "AWS::Events::Rule":
            targets = resource["Properties"].get("Targets", [])
            resource["Properties"]["Targets"] = [t for t in targets if not _mentions(t, left_out)]
    return left_out


def _functions(resources: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    return [(name, r["Properties"]) for name, r in resources.items() if r["Type"] == FUNCTION]


def _layer_folders(resources: Mapping[str, Any], build: Path) -> dict[str, Path]:
    return {
        name: _folder(build, name, r["Properties"]["ContentUri"]) for name, r in resources.items() if r["Type"] == LAYER
    }


def _folder(build: Path, name: str, uri: object) -> Path:
    if not isinstance(uri, str) or not (folder := (build / uri).resolve()).is_dir():
        raise TemplateError(f"{name}: its code {uri!r} is not a folder of the build {build}; run `make build-local`")
    return folder


def _both(shared: Mapping[str, Any], properties: Mapping[str, Any], layers: Mapping[str, Path]) -> dict[str, Any]:
    """What SAM concatenates or merges of Globals and function: layer folders, variables, format of logs."""
    wanted = [*shared.get("Layers", []), *properties.get("Layers", [])]
    unknown = [layer for layer in wanted if not isinstance(layer, dict) or layer.get("Ref") not in layers]
    if unknown:
        raise TemplateError(f"layers must be `!Ref` to a layer of this template, not {unknown!r}")
    variables = [source.get("Environment", {}).get("Variables", {}) for source in (shared, properties)]
    logging = {**shared.get("LoggingConfig", {}), **properties.get("LoggingConfig", {})}
    return {
        "layers": [layers[layer["Ref"]] for layer in wanted],
        "variables": {**variables[0], **variables[1]},
        "log_format": str(logging.get("LogFormat", "Text")).upper(),
    }


def _worker_settings(name: str, function: Mapping[str, Any], both: Mapping[str, Any], places: Places) -> str:
    """The JSON that local/worker.py reads; the same input gives the same text."""
    code = _folder(places.build, name, function["CodeUri"])
    layers: list[Path] = both["layers"]
    path = [code, *(layer / "python" for layer in layers)]
    mapped = {variable: _in_layers(value, layers) for variable, value in both["variables"].items()}
    return json.dumps(
        {
            "python": str(places.worker_python),
            "handler": function["Handler"],
            "code": str(code),
            "keep": sorted(both["variables"]),
            "set": {
                **{variable: value for variable, value in mapped.items() if value},
                "PYTHONPATH": ":".join(str(folder) for folder in path),
                "LAMBDA_TASK_ROOT": str(code),
                "TMPDIR": str(places.scratch),
                "AWS_LAMBDA_LOG_FORMAT": both["log_format"],
            },
            "log": str(places.logs / f"{name}.log"),
            "content": _content_hash([code, *layers]),
        },
        indent=1,
        sort_keys=True,
    )


def _with_fixed(settings: str, fixed: Mapping[str, str]) -> str:
    known = json.loads(settings)
    known["set"].update(fixed)
    return json.dumps(known, indent=1, sort_keys=True)


def _in_layers(value: object, layers: Iterable[Path]) -> str | None:
    """The built path for a variable that names a place under /opt, else None (the template's value stays)."""
    if not isinstance(value, str) or not value.startswith(LAYER_ROOT):
        return None
    inside = value.removeprefix(LAYER_ROOT)
    found = [layer / inside for layer in layers if (layer / inside).exists()]
    return str(found[-1]) if found else None


def _content_hash(folders: Iterable[Path]) -> str:
    """A hash of names, sizes and times of all files, so that changed code starts new workers.

    Times instead of contents: the model layer alone is 24 MB and every start would read it.
    """
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.suffix != ".pyc":
                stat = file.stat()
                digest.update(f"{file}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _bootstrap_archive(name: str, settings: str, places: Places) -> bytes:
    """A zip with one file, `bootstrap`; byte for byte the same for the same settings."""
    worker = Path(__file__).with_name("worker.py")
    command = [str(places.worker_python), "-I", "-S", str(worker), str(places.settings / f"{name}.json")]
    script = f"#!/bin/sh\n# {hashlib.sha256(settings.encode()).hexdigest()}\nexec {shlex.join(command)}\n"
    entry = zipfile.ZipInfo("bootstrap")
    entry.external_attr = 0o755 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry, script)
    return buffer.getvalue()


def _schedule_inputs(properties: Mapping[str, Any]) -> list[str]:
    events = properties.get("Events", {}).values()
    return [str(e["Properties"].get("Input", "{}")) for e in events if e["Type"] in SCHEDULES]


def _remove(template: dict[str, Any], layers: Mapping[str, Path]) -> None:
    """Take the layers out, and with them the outputs that name them."""
    for name in layers:
        del template["Resources"][name]
    outputs = template.get("Outputs", {})
    for name in [name for name, output in outputs.items() if _mentions(output, layers)]:
        del outputs[name]


def _mentions(value: object, names: Iterable[str]) -> bool:
    """Whether an intrinsic function in `value` refers to one of the resources."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Ref" and inner in names:
                return True
            if key == "Fn::GetAtt" and (inner if isinstance(inner, list) else str(inner).split("."))[0] in names:
                return True
            if key == "Fn::Sub" and any(f"${{{name}" in json.dumps(inner, default=str) for name in names):
                return True
        return any(_mentions(inner, names) for inner in value.values())
    return isinstance(value, list) and any(_mentions(inner, names) for inner in value)
