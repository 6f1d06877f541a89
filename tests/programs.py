"""Programs that tests need beside Python: used where they are installed, else installed on Debian by root, else done
without: one line says what was not run and why. With FOREBAY_REQUIRE_ALL=1 that is a failure."""

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Final

import pytest

_INSTALL_SECONDS_MOST: Final = 300


def program(name: str, package: str, install: Callable[[str], str] | None = None) -> str:
    """The program's path, installed from the Debian package if need be. Skips the test, or fails it, without one."""
    found = shutil.which(name)
    why = "" if found else (install or _install)(package)
    found = found or shutil.which(name)
    if found:
        return found
    line = f"not run: what needs {name}, because {why or f'the package {package} does not bring it'}"
    if os.environ.get("FOREBAY_REQUIRE_ALL") == "1":
        pytest.fail(line, pytrace=False)
    pytest.skip(line)


@functools.cache
def _install(package: str) -> str:
    """Install a Debian package; why that was not possible, or nothing."""
    if not shutil.which("apt-get"):
        return "it is not installed and this is not Debian"
    if os.geteuid() != 0:
        return f"it is not installed and only root can install the package {package}"
    quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", package]):
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
            return f"apt-get {command[0]} took more than {_INSTALL_SECONDS_MOST} s"
        if done.returncode:
            return f"apt-get {command[0]} failed: {done.stderr.strip()[-200:]}"
    return ""
