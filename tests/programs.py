"""Programs that tests need beside Python. `make setup` and `make test` install them on Debian, when root calls them.

Where one is missing all the same, one line says what was not run and why. With FOREBAY_REQUIRE_ALL=1 that is a failure.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

import pytest

PACKAGES: Final[Mapping[str, str]] = {  # program → the Debian package that brings it
    "bash": "bash",
    "curl": "curl",
    "epmd": "erlang-base",
    "node": "nodejs",
    "rabbitmq-server": "rabbitmq-server",
    "rabbitmqctl": "rabbitmq-server",
}
# The programs of the same names in /usr/sbin change to a user of their own, and then cannot write where a test wants.
_FIRST: Final = "/usr/lib/rabbitmq/bin"
_INSTALL_SECONDS_MOST: Final = 300


def program(name: str) -> str:
    """The program's path. Skips the test, or fails it, without one."""
    path = _found(name)
    if path:
        return path
    line = f"not run: what needs {name}, because it is not installed; `make setup` does that on Debian, for root"
    if os.environ.get("FOREBAY_REQUIRE_ALL") == "1":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


def _found(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join((_FIRST, os.environ.get("PATH", os.defpath))))


def install(packages: Mapping[str, str] = PACKAGES) -> str:
    """Install the packages whose programs are missing; why that was not possible, or nothing."""
    missing = sorted({package for name, package in packages.items() if not _found(name)})
    if not missing:
        return ""
    cannot = f"not installed: {', '.join(missing)}, because "
    if not shutil.which("apt-get"):
        return f"{cannot}this is not Debian"
    if os.geteuid() != 0:
        return f"{cannot}only root can do that"
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        try:
            done = subprocess.run(
                ["apt-get", "--quiet", *command],
                check=False,
                env=quietly,
                capture_output=True,
                text=True,
                timeout=_INSTALL_SECONDS_MOST,
            )
        except subprocess.TimeoutExpired:
            return f"{cannot}apt-get {command[0]} took more than {_INSTALL_SECONDS_MOST} s"
        if done.returncode:
            return f"{cannot}apt-get {command[0]} failed: {done.stderr.strip()[-200:]}"
    return ""


if __name__ == "__main__":
    if said := install():
        print(said, file=sys.stderr)
