"""Play one run again and print its calls: `python -m tests.simulation.replay <scenario> [<mode> <k> | seed <n>]`."""

import logging
import sys

from tests.simulation.runs import play, shuffled
from tests.simulation.scenarios import NAMED
from tests.simulation.tape import Fault, Mode


def main(name: str, how: str = "", which: str = "0") -> int:
    """Play and tell."""
    logging.basicConfig(level=logging.WARNING)
    if how == "seed":
        run = shuffled(NAMED[name], int(which))
    else:
        run = play(NAMED[name], Fault(Mode(how), int(which)) if how else None)
    for position, call in enumerate(run.world.tape.calls, start=1):
        print(f"{position:4} {call}{'   <- ' + how if how and str(position) == which else ''}")
    print(run)
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
