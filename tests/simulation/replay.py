"""Play one run again and print its calls, by the words that a failing test prints.

python -m tests.simulation.replay <scenario>                           undisturbed
python -m tests.simulation.replay <scenario> <mode> <k> [aws]          a fault or a trouble at the k-th call
python -m tests.simulation.replay <scenario> seed <n>                  messages in any order, some twice
python -m tests.simulation.replay <scenario> lag <seconds>             indexes that show the past
python -m tests.simulation.replay <pair> switched <first> <i> <j>      two at once, by a schedule
python -m tests.simulation.replay <pair or triple> tossed <n>          several at once, by a seed
"""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence

from tests.simulation import matrix, pairs, requests_at_once
from tests.simulation.aws_world import aws_worlds
from tests.simulation.interleaving import Pair, Schedule, switched, tossed
from tests.simulation.runs import MakeWorld, Run, lagging, play, shuffled
from tests.simulation.scenarios import named
from tests.simulation.tape import Fault, Mode
from tests.simulation.troubles import Trouble

_PAIRS: Mapping[str, Pair] = {
    pair.name: pair for pair in (*pairs.EVERY, *requests_at_once.EVERY, *matrix.EVERY, *matrix.TRIPLES)
}
_BY_WORD: Mapping[str, Callable[[str, list[int]], Run]] = {
    "seed": lambda name, numbers: shuffled(named(name), *numbers),
    "lag": lambda name, numbers: lagging(named(name), *numbers),
    "switched": lambda name, numbers: switched(_PAIRS[name], Schedule(*numbers)),
    "tossed": lambda name, numbers: tossed(_PAIRS[name], *numbers),
}


def played(words: Sequence[str], make: MakeWorld | None = None) -> Run:
    """The run that the words mean; on the real adapters, in worlds of `make` where a cloud is there already."""
    name, *how = words
    if not how:
        return play(named(name))
    word, *numbers = how
    if word in _BY_WORD:
        return _BY_WORD[word](name, [int(number) for number in numbers])
    at, *where = numbers
    fault = Fault(Trouble(word) if word in set(Trouble) else Mode(word), int(at))
    if where != ["aws"]:
        return play(named(name), fault)
    if make is not None:
        return play(named(name), fault, make=make)
    with aws_worlds() as made:
        return play(named(name), fault, make=made)


def main(*words: str) -> int:
    """Play and tell."""
    logging.basicConfig(level=logging.WARNING)
    run = played(words)
    for position, call in enumerate(run.world.tape.calls, start=1):
        here = run.world.tape.fault is not None and run.world.tape.fault.at == position
        print(f"{position:4} {call}{'   <- ' + words[1] if here else ''}")
    print(run)
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
