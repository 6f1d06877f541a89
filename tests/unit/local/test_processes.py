"""No process outlives the stack that started it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from local.processes import descendants, environment_of, is_free, parent_of, peak_memory_bytes

ROOT = Path(__file__).resolve().parents[3]

# Starts a child that ignores SIGTERM and has a child in a session of its own, kills the child, then ends the rest.
ENDS_ALL = """
import os, subprocess, sys, time
from local.processes import adopt_orphans, descendants, end_descendants
adopt_orphans()
fork = "subprocess.Popen([sys.executable, '-c', %r], start_new_session=True)"
grandchild = f"import subprocess, sys, time; {fork}; time.sleep(60)"
stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", grandchild % stubborn], stdout=subprocess.PIPE)
assert child.stdout.readline() == b"up\\n"
child.kill()
end_descendants(0.2)
print(descendants(os.getpid()))
"""


def test_orphans_that_ignore_sigterm_in_another_session_are_ended_too() -> None:
    answer = subprocess.run([sys.executable, "-c", ENDS_ALL], cwd=ROOT, capture_output=True, timeout=30, check=True)

    assert answer.stdout == b"[]\n"


def test_a_child_is_found_with_its_environment_and_memory() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", "print('up', flush=True); input()"],
        env={"AWS_LAMBDA_FUNCTION_NAME": "api"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()

        found = (child.pid in descendants(os.getpid()), parent_of(child.pid), environment_of(child.pid))
        memory = peak_memory_bytes(child.pid)
        child.send_signal(signal.SIGKILL)

    assert found == (True, os.getpid(), {"AWS_LAMBDA_FUNCTION_NAME": "api"} | found[2])
    assert found[2]["AWS_LAMBDA_FUNCTION_NAME"] == "api"
    assert memory > 1_000_000


def test_a_process_that_is_gone_has_no_memory_and_no_environment() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()

    assert (peak_memory_bytes(child.pid), environment_of(child.pid), parent_of(child.pid)) == (0, {}, 0)


def test_a_port_with_a_server_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free(port)

    assert is_free(port)
