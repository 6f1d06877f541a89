"""Become a Lambda worker: run by the bootstrap of a local function with its settings file as the only argument.

Stands alone (`python -I -S`, standard library only): it is not imported by anything. It gives the handler
the environment that Lambda gives, no more, and then becomes AWS's own runtime client.
"""

import json
import os
import sys

# What Lambda sets itself; all else of the emulator's environment stays outside.
FROM_LAMBDA = ("AWS_", "LAMBDA_", "_X_AMZN_", "_HANDLER")
ALWAYS = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "LANG": "en_US.UTF-8",
    "TZ": ":UTC",
    "PYTHONUNBUFFERED": "1",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_LEVEL": "INFO",
    "AWS_EC2_METADATA_DISABLED": "true",
    "POWERTOOLS_TRACE_DISABLED": "1",
}


def main(settings_file: str) -> None:
    """Replace this process; output of the handler goes to the function's log file."""
    with open(settings_file, encoding="utf-8") as file:
        settings = json.load(file)
    keep = set(settings["keep"])
    environment = {k: v for k, v in os.environ.items() if k.startswith(FROM_LAMBDA) or k in keep}
    environment |= ALWAYS | settings["set"] | {"_HANDLER": settings["handler"]}
    log = os.open(settings["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(settings["code"])
    python = settings["python"]
    os.execve(python, [python, "-m", "awslambdaric", settings["handler"]], environment)


if __name__ == "__main__":
    main(sys.argv[1])
