"""What the layers may weigh, contain and cost in licences; reads what `make build-local` built."""

import re
from collections.abc import Mapping
from email.parser import Parser
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from local.template_yaml import read_template

ROOT: Final = Path(__file__).resolve().parents[2]
BUILD: Final = ROOT / ".forebay/build/local"
BUILDS: Final = [BUILD, *([production] if (production := ROOT / ".aws-sam/build").is_dir() else [])]

# Lambda quotas (AWS Lambda developer guide, "Lambda quotas"): unzipped function and layers, layers a function.
UNZIPPED_BYTES: Final = 250 * 1024 * 1024
LAYERS_A_FUNCTION: Final = 5

COPYLEFT: Final = re.compile(
    r"\b(A?GPL|LGPL|SSPL|BUSL|Affero|Lesser General Public|General Public License)", re.IGNORECASE
)
LOCKS: Final = sorted(
    wanted.with_suffix(".txt") for wanted in [*ROOT.glob("layers/*/*.in"), *ROOT.glob("local/environments/*.in")]
)


@cache
def built(build: Path) -> Mapping[str, Any]:
    assert (build / "template.yaml").is_file(), "nothing is built yet: run `make build-local`"
    return read_template(build / "template.yaml")


def resources(build: Path, kind: str) -> dict[str, dict[str, Any]]:
    every = built(build)["Resources"]
    return {name: each["Properties"] for name, each in every.items() if each["Type"] == f"AWS::Serverless::{kind}"}


def layers_of(build: Path, function: Mapping[str, Any]) -> list[str]:
    shared = built(build).get("Globals", {}).get("Function", {}).get("Layers", [])
    return [layer["Ref"] for layer in [*shared, *function.get("Layers", [])]]


def layer_folder(build: Path, layer: str) -> Path:
    folder: Path = build / resources(build, "LayerVersion")[layer]["ContentUri"]
    return folder


def size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def distributions(build: Path) -> list[tuple[str, Path]]:
    found = [
        (layer, metadata)
        for layer in resources(build, "LayerVersion")
        for metadata in sorted(layer_folder(build, layer).glob("python/*.dist-info/METADATA"))
    ]
    assert found, "no layer has any distribution"
    return found


@pytest.mark.parametrize("build", BUILDS, ids=["local", "production"][: len(BUILDS)])
def test_every_function_with_its_layers_fits_into_lambda(build: Path) -> None:
    sizes = {
        name: size_bytes(build / function["CodeUri"])
        + sum(size_bytes(layer_folder(build, layer)) for layer in layers_of(build, function))
        for name, function in resources(build, "Function").items()
    }

    assert sizes
    assert {name: size for name, size in sizes.items() if size >= UNZIPPED_BYTES} == {}


def test_no_function_has_more_layers_than_lambda_takes() -> None:
    counts = {name: len(layers_of(BUILD, function)) for name, function in resources(BUILD, "Function").items()}

    assert {name: count for name, count in counts.items() if count > LAYERS_A_FUNCTION} == {}


def test_only_the_functions_that_need_them_carry_model_index_and_broker_clients_and_parsers() -> None:
    carriers: dict[str, set[str]] = {}
    for name, function in resources(BUILD, "Function").items():
        for layer in layers_of(BUILD, function):
            carriers.setdefault(layer, set()).add(name.removesuffix("Function").lower())

    assert carriers["InferenceLayer"] == carriers["ModelLayer"] == {"embed", "search"}
    assert carriers["ParsersLayer"] == carriers["TokensLayer"] == {"extract"}
    assert carriers["BrokerLayer"] == {"deliver"}
    assert not carriers["IndexLayer"] & {"api", "intake", "extract"}


@pytest.mark.parametrize("build", BUILDS, ids=["local", "production"][: len(BUILDS)])
def test_no_layer_holds_code_under_a_copyleft_licence(build: Path) -> None:
    stated = {}
    for layer, metadata in distributions(build):
        fields = Parser().parsestr(metadata.read_text(encoding="utf-8"), headersonly=True)
        licences = [fields.get("License-Expression", ""), fields.get("License", "").partition("\n")[0]]
        licences += [each for each in fields.get_all("Classifier", []) if each.startswith("License ::")]
        stated[f"{layer}: {fields['Name']}"] = " ".join(filter(None, licences))

    assert {name: licence for name, licence in stated.items() if not licence or COPYLEFT.search(licence)} == {}


def test_no_layer_ships_tests_scripts_or_type_stubs() -> None:
    folders = [layer_folder(BUILD, layer) for layer in resources(BUILD, "LayerVersion")]
    unwanted = ("python/bin", "python/numpy/**/tests", "python/**/*.pyi", "python/onnxruntime/transformers")

    assert [path for folder in folders for pattern in unwanted for path in folder.glob(pattern)] == []


def test_the_model_ships_with_its_tokenizer_fingerprint_and_licence() -> None:
    model = layer_folder(BUILD, "ModelLayer") / "model"

    assert {file.name for file in model.iterdir()} == {"model.onnx", "tokenizer.json", "fingerprint", "NOTICE.md"}
    assert (layer_folder(BUILD, "TokensLayer") / "model/tokenizer.json").read_bytes() == (
        model / "tokenizer.json"
    ).read_bytes()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_locked_package_has_an_exact_version_and_hashes_and_names_no_host(lock: Path) -> None:
    content = re.sub(r"^\s*#.*\n", "", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)
    packages = [entry for entry in re.split(r"\n(?=\S)", content.strip()) if entry]

    assert [
        entry for entry in packages if not re.match(r"[\w.\[\]-]+==\S+ ", entry) or "--hash=sha256:" not in entry
    ] == []
    assert "://" not in content
