"""`python -m local serve` keeps a local stack up; `python -m local demo` shows it at work,
`python -m local soak` kills its workers meanwhile. Called by the Makefile."""

import argparse
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from local.client import Refused
from local.demo import Request, show
from local.deploy import ADMINISTRATOR, DeployError
from local.localise import TemplateError
from local.parameters import ParameterError, Wishes
from local.processes import free_port
from local.soak.plan import Wanted
from local.soak.run import report, soak
from local.stack import WATCH_SECONDS, Layout, PortInUse, Stack, StackError

EXIT_OK: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the commands; returns the exit code: 0 as wished, 1 failed, 2 cannot start as asked."""
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except PortInUse as error:
        return _fail(error, EXIT_USAGE)
    except (StackError, DeployError, TemplateError, ParameterError, Refused) as error:
        return _fail(error, EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(required=True)
    default = Layout(port=0)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--build", type=Path, default=default.build, help="folder of the built template")
    shared.add_argument("--worker-python", type=Path, default=default.worker_python, help="runs the functions")
    shared.add_argument("--samconfig", type=Path, default=default.samconfig)
    shared.add_argument("--runs", type=Path, default=default.runs, help="folder for the data of each run")
    serve = commands.add_parser("serve", parents=[shared], help="keep a stack up until Ctrl-C")
    serve.add_argument("--port", type=int, default=8080)
    serve.set_defaults(run=_serve)
    demo = commands.add_parser("demo", parents=[shared], help="ingest documents and ask a question")
    demo.add_argument("--documents", "--docs", type=Path, help="a folder of your own; default: the samples")
    demo.add_argument("--query", default="", help="the question")
    demo.set_defaults(run=_demo)
    soaking = commands.add_parser("soak", parents=[shared], help="many clients, while workers are killed at random")
    soaking.add_argument("--documents", type=int, default=1000)
    soaking.add_argument("--clients", type=int, default=16)
    soaking.add_argument("--minutes", type=float, default=30, help="until the last document has to be done")
    soaking.add_argument("--seed", type=int, default=None, help="repeats a plan; default: another one each time")
    soaking.set_defaults(run=_soak)
    return parser


def _layout(chosen: argparse.Namespace, port: int) -> Layout:
    paths = {name: getattr(chosen, name).absolute() for name in ("build", "worker_python", "samconfig", "runs")}
    return Layout(port=port, **paths)


def _serve(chosen: argparse.Namespace) -> int:
    _end_on_signals()
    with Stack(_layout(chosen, chosen.port), Wishes.from_environment(), _say) as stack:
        try:  # from the first word on: whoever reads it may ask for the end at once
            print(f"Forebay is ready: {stack.url}", flush=True)
            _say(_places(stack))
            while True:
                time.sleep(WATCH_SECONDS)
                stack.watch()
        except KeyboardInterrupt:
            _say("stopping")
    return EXIT_OK


def _places(stack: Stack) -> str:
    """What AWS clients, `make key` and a curious user need to know of a running stack."""
    known = stack.deployed.resources if stack.deployed is not None else {}
    settings = {
        "AWS_ENDPOINT_URL": stack.endpoint,
        "AWS_DEFAULT_REGION": ADMINISTRATOR["region_name"],
        "AWS_ACCESS_KEY_ID": ADMINISTRATOR["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": ADMINISTRATOR["aws_secret_access_key"],
    }
    lines = [
        f"AWS clients: {' '.join(f'{name}={value}' for name, value in settings.items())}",
        f"uploads bucket: {known.get('UploadsBucket')}; table: {known.get('Table')}",
        f"logs: {stack.layout.places.logs}; Ctrl-C ends it",
    ]
    return "\n".join(lines)


def _demo(chosen: argparse.Namespace) -> int:
    _end_on_signals()
    if chosen.documents is not None and not chosen.documents.is_dir():
        return _fail(NotADirectoryError(f"{chosen.documents} is not a folder"), EXIT_USAGE)
    request = Request(documents=chosen.documents, query=chosen.query)
    with Stack(_layout(chosen, free_port()), _reaching(), _say) as stack:
        return show(stack, request)


def _reaching() -> Wishes:
    """What the person wishes, and webhooks to this machine."""
    return replace(Wishes.from_environment(), allow_private_callbacks="1")


def _soak(chosen: argparse.Namespace) -> int:
    _end_on_signals()
    seed = chosen.seed if chosen.seed is not None else secrets.randbelow(2**31)
    wanted = Wanted(chosen.documents, chosen.clients, chosen.minutes, seed)
    with Stack(_layout(chosen, free_port()), _reaching(), _say) as stack:
        _say(f"seed {seed}")
        result = soak(stack, wanted)
    print(report(result), flush=True)
    return EXIT_FAILED if result.findings else EXIT_OK


def _end_on_signals() -> None:
    """Make each way of being asked to end a KeyboardInterrupt, also where a shell has us ignore SIGINT."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: a closed terminal does not matter
        signal.signal(signal.SIGHUP, interrupt)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(error: Exception, code: int) -> int:
    _say(f"error: {error}")
    return code


if __name__ == "__main__":
    sys.exit(main())
