"""Run the programs of `clients/` as their users do; see its README."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from tests.e2e.cloud import eventually
from tests.programs import program

CLIENTS: Final = Path(__file__).parent / "clients"
RUN_SECONDS_MOST: Final = 60


def _shell() -> str:
    program("curl")
    return program("bash")


_INTERPRETERS: Final[Mapping[str, Callable[[], str]]] = {
    ".py": lambda: sys.executable,
    ".mjs": lambda: program("node"),
    ".sh": _shell,
}
_SOONER: Final[Mapping[str, str]] = {"time.sleep(5)": "time.sleep(0.5)", "sleep(5000)": "sleep(500)"}


@dataclass(frozen=True, slots=True)
class Samples:
    """The programs of one system, run in `folder`; `places` are what stands in them for addresses, keys and ids."""

    system: str
    folder: Path
    places: Mapping[str, str]

    def run(self, name: str, places: Mapping[str, str] = MappingProxyType({})) -> str:
        """Run one to its end and return what it prints; `places` come on top."""
        text = (CLIENTS / self.system / name).read_text(encoding="utf-8")
        for written, meant in {**_SOONER, **self.places, **places}.items():
            text = text.replace(written, meant)
        (self.folder / name).write_text(text, encoding="utf-8")
        command = [_INTERPRETERS[Path(name).suffix](), name]
        ended = subprocess.run(
            command, check=False, cwd=self.folder, capture_output=True, text=True, timeout=RUN_SECONDS_MOST
        )
        assert ended.returncode == 0, f"{name}: {ended.stderr}"
        return ended.stdout

    def asked(self, name: str, places: Mapping[str, str] = MappingProxyType({})) -> Any:
        """The JSON that one prints."""
        return json.loads(self.run(name, places))

    def polled(self, name: str, ended: Callable[[Any], bool], places: Mapping[str, str]) -> Any:
        """Run one again and again until what it prints satisfies `ended`; that last answer."""

        def look() -> Any:
            answer = self.asked(name, places)
            return [answer] if ended(answer) else None

        return eventually(look, RUN_SECONDS_MOST)[0]
