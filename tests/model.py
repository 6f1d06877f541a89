"""The embedding model for tests that need the real one: import the fixture `model_folder`."""

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The folder with model.onnx, tokenizer.json and fingerprint; built first if the cache lacks it or is outdated."""
    command = ["make", "--no-print-directory", "--directory", str(REPOSITORY / "layers/model"), "cached-model"]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert built.returncode == 0, built.stderr
    return REPOSITORY / ".forebay/cache/model"
