"""Trains every strategy of the catalogue with two gloo ranks. Run as: RANK STORE FOLDER; writes FOLDER/RANK.pt."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import torch.distributed as dist

from pipeline.data.handle import make_handle
from pipeline.data.sources import scan
from pipeline.result import StageResult
from pipeline.spec.data import Digits
from pipeline.strategies import CATALOGUE
from pipeline.training import loop
from pipeline.training.closing import Closed
from pipeline.training.loop import train_stage
from pipeline.training.team import Team
from tests.pipeline.conftest import prepared_here
from tests.pipeline.stages import SHARE, example, nobody, stage_for
from tests.pipeline.training.teachers import job_in, train_teacher

BUDGET = {"epochs": 2, "batch_size": 64, "num_shards": 2}


@contextmanager
def keeping_weights() -> Iterator[dict[str, torch.Tensor]]:
    """Only rank 0 saves its network; this looks at every rank's own."""
    kept: dict[str, torch.Tensor] = {}
    build = loop.finished_result

    def look(*args: Any) -> StageResult:
        closed = next(arg for arg in args if isinstance(arg, Closed))
        kept.update({name: value.clone() for name, value in closed.model.state_dict().items()})
        return build(*args)

    with mock.patch.object(loop, "finished_result", look):
        yield kept


def main(rank: int, store: str, folder: Path) -> None:
    """Every rank keeps what it ended with: its weights, and its loss."""
    torch.set_num_threads(1)
    spec = Digits()
    listing = scan(spec)
    (folder / f"data-{rank}").mkdir()
    data = make_handle(listing, prepared_here(spec, listing, folder / f"data-{rank}"))
    teacher = train_teacher(data, folder / f"teacher-{rank}")
    dist.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=timedelta(seconds=60)
    )
    outcomes: dict[str, Any] = {}
    for name, strategies in {"bare": (), **{kind: (example(kind),) for kind in CATALOGUE}}.items():
        job = job_in(folder / f"{name}-{rank}", stage_for(name, *strategies, budget=BUDGET), teacher)
        with keeping_weights() as kept:
            result = train_stage(job, data, Team(rank, 2, torch.device("cpu")), SHARE, nobody)
        outcomes[name] = {"weights": kept, "series": result.curves.series, "metrics": result.record.metrics}
    torch.save(outcomes, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    except BaseException:
        traceback.print_exc()
        raise
