"""Which fault comes when: drawn from a seed, so that what broke once can be broken again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tests.chaos.faults import Fault

EARLIEST_RUNS = 1  # finished, before the first fault
LAST_SHARE = 0.85  # of the runs, after which none comes: a study that is over cannot be broken


@dataclass(frozen=True, slots=True)
class Moment:
    """A fault, so many finished runs and a fraction of a second after the start."""

    fault: Fault
    runs: int
    delay_s: float


@dataclass(frozen=True, slots=True)
class Round:
    """What happens to one study from its start to its end."""

    seed: int
    uses_server: bool
    moments: tuple[Moment, ...]


def draw(faults: Sequence[Fault], rounds: int, runs: int, seed: int) -> tuple[Round, ...]:
    """Deal the faults out to so many rounds of a study with so many runs; odd rounds have an MLflow server."""
    rng = np.random.default_rng(seed)
    deck = [fault for fault in faults for _ in range(fault.times)]
    hands: list[list[Fault]] = [[] for _ in range(rounds)]
    for index in rng.permutation(len(deck)):
        fault = deck[index]
        parity = {"database": 0, "server": 1}.get(fault.needs)
        fitting = [hand for number, hand in enumerate(hands) if parity is None or number % 2 == parity]
        min(fitting, key=len).append(fault)
    drawn = []
    for number, hand in enumerate(hands):
        rng = np.random.default_rng((seed, number))
        at = np.sort(rng.integers(EARLIEST_RUNS, int(LAST_SHARE * runs), size=len(hand)))
        moments = tuple(
            Moment(fault, int(after), float(rng.uniform(0, 1))) for fault, after in zip(hand, at, strict=True)
        )
        drawn.append(Round(seed, number % 2 == 1, moments))
    return tuple(drawn)


def still_to_break(faults: Sequence[Fault], injected: Mapping[str, int]) -> list[Fault]:
    """The faults that have come less often than they should, as often as they lack."""
    lacking = ((fault, fault.times - injected.get(fault.name, 0)) for fault in faults)
    return [replace(fault, times=times) for fault, times in lacking if times > 0]
