"""`ablate report STUDY --final`: score test once for bare, full and the kept recipe, and count the reading."""

from collections.abc import Sequence

import ray
import torch

from ablations.designs import BARE, FULL
from ablations.grid.spec import Resources, parse_grid, with_data_path
from ablations.planning.plan import build_plan
from ablations.planning.planned import Planned
from ablations.records import store
from ablations.records.home import Home
from ablations.running.cluster import connect
from ablations.running.lanes import cluster_size
from ablations.running.runner import job_of, precision_of_hardware
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.prepare import prepare
from pipeline.data.stream import StreamShare
from pipeline.spec.errors import RecordError, SpecError
from pipeline.spec.records import FinalScore, Status
from pipeline.training.job import StageJob, utc_now
from pipeline.training.score import score_run
from pipeline.training.team import Team
from reports.analysis.study import analyse
from reports.records.load import load_study


def score_study(home: Home, study: str, data_path: str | None) -> str:
    """Score the arms that matter of a study in the home. Returns a line about it.

    Raises:
        SpecError: the grid would not give the same plan today, e.g. because the images have changed.
        RecordError: nothing can be scored.
    """
    found = load_study(home.root, study)
    if found.plan.tuning is not None:
        raise SpecError(
            f"study {study!r} is a search, whose winner was selected; to score test, put its recipe into a grid and "
            "run that with fresh seeds"
        )
    written = {"noise_floor": False} | found.plan.grid  # studies from before there was such a field have no such arms
    grid = parse_grid(with_data_path(written, data_path), f"the grid of study {study!r}")
    planned = build_plan(grid, precision_of_hardware, weights=home.weights, seeds=found.plan.seeds)
    if planned.plan.plan_hash != found.plan.plan_hash:
        raise SpecError(
            f"study {study!r}: its grid gives another plan here than when it ran (the images, the hardware's number "
            "format or the code changed); its weights cannot be scored as if nothing had happened"
        )
    kept = analyse(found).recipe_to_keep.arm
    arms = [arm.name for arm in planned.plan.arms if arm.name in (BARE, FULL)]  # full may be impossible
    if kept is not None and kept not in arms:
        arms.append(kept)
    scores = score_test(planned, home, arms)
    line = f"test read for the {ordinal(scores[0].read)} time on this data: {len(scores)} runs of {', '.join(arms)}"
    return line if kept is not None else f"{line}; the recipe to keep was not run as an arm, so it has no score"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th ..."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def score_test(planned: Planned, home: Home, arms: Sequence[str]) -> list[FinalScore]:
    """Score the finished runs of these arms on `test`, and keep every score.

    Raises:
        RecordError: there is no test split, or none of the runs is finished.
    """
    plan = planned.plan
    wanted = {plan.arm(name).final.stage_hash: name for name in reversed(arms)}
    finished = {run for run, record in store.read_records(home).items() if record.status is Status.FINISHED}
    runs = [r for r in planned.runs if r.stage.stage_hash in wanted and (r.stage.stage_hash, r.seed) in finished]
    if not plan.data.num_samples["test"]:
        raise RecordError(f"study {plan.study!r}: its data has no test split; there is nothing to score")
    if not runs:
        raise RecordError(f"study {plan.study!r}: no run of {', '.join(arms)} is finished; run the grid first")
    gone = sorted({run.key for run in runs if not (home.run_dir(run.key) / "model.pt").exists()})
    if gone:
        raise RecordError(
            f"study {plan.study!r}: {len(gone)} of {len(runs)} runs have no weights any more, e.g. "
            f"{home.run_dir(gone[0]) / 'model.pt'}; restore them, or remove the run's line from {home.records} and run "
            "the grid again"
        )
    connect()
    handles = {
        key: make_handle(data.listing, prepare(data.spec, data.listing, home.cache))
        for key, data in planned.data.items()
        if key in {run.data_key for run in runs}
    }
    gpus = 1 if cluster_size()[1] else 0
    scorer = ray.remote(num_cpus=0.5, num_gpus=gpus)(_score_all)
    jobs = [job_of(run, home, Resources()) for run in runs]
    metrics = ray.get(scorer.remote(jobs, handles))
    before = [s.read for s in store.read_final_scores(home) if s.data_fingerprint == plan.data.fingerprint]
    scores = [
        FinalScore(
            study=plan.study,
            arm=wanted[run.stage.stage_hash],
            stage_hash=run.stage.stage_hash,
            seed=run.seed,
            data_fingerprint=plan.data.fingerprint,
            read=max(before, default=0) + 1,
            read_at=utc_now(),
            num_samples=len(handles[run.data_key].evals["test"].rows),
            metrics={f"test/{name}": value for name, value in values.items()},
        )
        for run, values in zip(runs, metrics, strict=True)
    ]
    for score in scores:
        store.append_final_score(home, score)
    return scores


def _score_all(jobs: list[StageJob], handles: dict[str, DataHandle]) -> list[dict[str, float]]:
    team = Team.alone("cuda" if torch.cuda.is_available() else "cpu")
    return [score_run(job, handles[job.data_key], "test", team, StreamShare()) for job in jobs]
