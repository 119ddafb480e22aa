"""What the ranks of a lane say of a hang, and the sentence that comes of it."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stall:
    """A rank that has stood still for too long."""

    rank: int
    step: int  # counted from the start of the stage; -1: before the first
    waits: bool  # for the other ranks
    still_s: float
    where: str  # in the code


def told(stalls: Collection[Stall], what: str) -> str:
    """Who never arrived, at which step of what.

    Args:
        stalls: one or more, of different ranks.
        what: the trial.
    """
    ordered = sorted(stalls, key=lambda stall: (stall.waits, stall.step, stall.rank))
    guilty = [stall for stall in ordered if not stall.waits] or ordered
    first = guilty[0]
    step = f"at step {first.step}" if first.step >= 0 else "before the first step"
    who = " and ".join(f"rank {stall.rank} in {stall.where}" for stall in guilty)
    waiting = [f"rank {stall.rank}" for stall in ordered if stall not in guilty]
    return (
        f"{what} hangs {step}: no batch and no step for {first.still_s:.0f} s. It stands still with {who}"
        + (f"; {' and '.join(waiting)} waited for it in vain" if waiting else "")
        + ". If a step honestly takes so long, raise resources.hang_timeout_s"
    )
