"""What planning 20 factors costs, and the report of 250 and of 1,000 trials with 10,000 predictions each.

Run: python -m tests.benchmarks.bench_analysis
The trials are made up: a home in a temporary folder as the recorder writes it, factors both ways. They left no
pictures: those of the first seed's batches add their own bytes to the page.
Figures are medians of the repeats; files were written just before, so they come from memory and not from a disk.
"""

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.spec.records import Cost, Curves, RunRecord, Status, TimingRecord, run_key
from pipeline.spec.study import Arm, StudyPlan
from reports.analysis.study import analyse
from reports.page.html import render
from reports.records.load import load_study
from tests.benchmarks.bench_queue import make_plan
from tests.benchmarks.proof.draws import Luck
from tests.benchmarks.proof.studies import ENVIRONMENT, PT_PER_SD, planned_study

NUM_FACTORS = 20
STUDIES = ((24, 5), (20, 24))  # factors, seeds
NUM_PREDICTIONS = 10_000
NUM_CLASSES = 10
NUM_EPOCHS = 30
STEP_MS = 100.0
TIMING_ROUNDS = 5
DESIGNS = ("both_ways", "plackett_burman", "auto")
REPEATS = int(os.environ.get("REPEATS", "3"))


def write_home(home: Path, num_factors: int, num_seeds: int) -> tuple[StudyPlan, float]:
    """A home of finished trials, and the megabytes of its files."""
    plan = planned_study("both_ways", num_factors, num_seeds)
    folder = home / "studies" / plan.study
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(plan.model_dump_json())
    rng = np.random.default_rng(1)
    labels = rng.integers(0, NUM_CLASSES, NUM_PREDICTIONS)
    difficulty = rng.normal(0, 1, NUM_PREDICTIONS)
    scores = 0.9 + PT_PER_SD / 100 * Luck().draw(rng, len(plan.arms), num_seeds)
    with (home / "records.jsonl").open("w") as records:
        for arm, row in zip(plan.arms, scores, strict=True):
            for seed, score in zip(plan.seeds, row, strict=True):
                run = home / "runs" / run_key(arm.final.stage_hash, seed)
                run.mkdir(parents=True)
                arrays = made_up_predictions(labels, difficulty, float(score), rng)
                np.savez_compressed(run / "predictions.npz", allow_pickle=False, **arrays)
                (run / "curves.json").write_text(made_up_curves(float(score)).model_dump_json())
                records.write(made_up_record(arm, seed, arrays).model_dump_json() + "\n")
    timings = [made_up_timing(arm, turn, rng) for turn in range(TIMING_ROUNDS) for arm in plan.arms]
    (home / "timings.jsonl").write_text("".join(f"{timing.model_dump_json()}\n" for timing in timings))
    return plan, sum(path.stat().st_size for path in home.rglob("*") if path.is_file()) / 1e6


def made_up_predictions(
    labels: np.ndarray, difficulty: np.ndarray, score: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Arrays of one run, with the types that training stores; about `score` of them correct.

    Args:
        labels: [num_predictions].
        difficulty: [num_predictions], shared by all runs: what makes their mistakes alike.
        score: accuracy wanted.
        rng: to draw with.
    """
    ease = difficulty + rng.normal(0, 1, len(labels))
    correct = ease > np.quantile(ease, 1 - score)
    predicted = np.where(correct, labels, (labels + rng.integers(1, NUM_CLASSES, len(labels))) % NUM_CLASSES)
    confidence = rng.uniform(0.5, 1.0, len(labels)).astype(np.float32)
    true_prob = np.where(correct, confidence, 1 - confidence).astype(np.float32)
    return {
        "val/id": np.array([f"class/image-{number:05d}.jpg" for number in range(len(labels))]),
        "val/label": labels,
        "val/predicted": predicted,
        "val/confidence": confidence,
        "val/true_class_prob": true_prob,
        "val/top5_hit": correct,
        "val/brier": ((1 - true_prob) ** 2).astype(np.float32),
    }


def made_up_curves(score: float) -> Curves:
    """A curve that rises to this accuracy."""
    rise = 1 - np.exp(-5 * np.arange(1, NUM_EPOCHS + 1) / NUM_EPOCHS)
    return Curves(
        epoch=tuple(range(1, NUM_EPOCHS + 1)),
        elapsed_s=tuple(5.0 * epoch for epoch in range(1, NUM_EPOCHS + 1)),
        image_size_px=(32,) * NUM_EPOCHS,
        series={
            "val/top1": tuple(float(value) for value in score * rise),
            "val/nll": tuple(float(value) for value in 2.5 - 2 * score * rise),
            "train/loss": tuple(float(value) for value in 2.5 - 2.2 * rise),
        },
        lr_step=tuple(range(500)),
        lr=(0.1,) * 500,
    )


def made_up_record(arm: Arm, seed: int, arrays: dict[str, np.ndarray]) -> RunRecord:
    """With the metrics of these predictions."""
    metrics = {
        "top1": np.mean(arrays["val/predicted"] == arrays["val/label"]),
        "top5": np.mean(arrays["val/top5_hit"]),
        "nll": -np.log(arrays["val/true_class_prob"]).mean(),
        "brier": np.mean(arrays["val/brier"]),
    }
    return RunRecord(
        stage_hash=arm.final.stage_hash,
        seed=seed,
        stage="main",
        status=Status.FINISHED,
        metrics={f"val/{name}": float(value) for name, value in metrics.items()},
        cost=Cost(
            samples_seen=1_500_000, busy_s=150.0, data_wait_s=1.0, eval_s=5.0, num_parameters=272_474, num_workers=1
        ),
        environment=ENVIRONMENT,
        data_fingerprint="f",
        finished_at="2026-01-01T00:00:00Z",
    )


def made_up_timing(arm: Arm, turn: int, rng: np.random.Generator) -> TimingRecord:
    """A round of the exclusive block."""
    step_ms = STEP_MS * float(np.exp(rng.normal(0, 0.01)))
    return TimingRecord(
        block="2026-01-01T00:00",
        round=turn,
        stage_hash=arm.final.stage_hash,
        step_ms=step_ms,
        images_per_s=64_000 / step_ms,
        peak_memory_mb=900.0,
        environment=ENVIRONMENT,
    )


def seconds(function: Callable[..., Any], *args: Any) -> float:
    """Median over the repeats."""
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function(*args)
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def show_plans() -> None:
    """A line for each design."""
    for design in DESIGNS:
        made = [make_plan(NUM_FACTORS, 3, design) for _ in range(REPEATS)]
        took = statistics.median(one.grid_s + one.plan_s for one in made)
        plan = made[0].planned.plan
        print(
            f"plan of {NUM_FACTORS} factors, {design}: {len(plan.arms)} arms, {len(plan.comparisons)} comparisons, "
            f"{len(made[0].planned.runs)} runs: {took:.2f} s"
        )


def show_analysis(home: Path, num_factors: int, num_seeds: int) -> None:
    """A line for each step from files to the page."""
    plan, size_mb = write_home(home, num_factors, num_seeds)
    print(
        f"{len(plan.arms) * num_seeds:,} trials, {NUM_PREDICTIONS:,} predictions each, {len(plan.comparisons)} "
        f"comparisons, {size_mb:,.0f} MB of files"
    )
    study = load_study(home, plan.study)
    for name, function, args in (
        ("read plan and records", load_study, (home, plan.study)),
        ("verdicts", analyse, (study,)),
        ("the whole page, files and figures included", render, (study,)),
    ):
        print(f"  {name}: {seconds(function, *args):.2f} s")
    print(f"  the page: {len(render(study).encode()) / 1e6:.2f} MB")
    print(f"  most memory of the process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def main() -> None:
    show_plans()
    for num_factors, num_seeds in STUDIES:
        with tempfile.TemporaryDirectory() as folder:
            show_analysis(Path(folder), num_factors, num_seeds)


if __name__ == "__main__":
    main()
