"""A home with thousands of finished runs of one study, as if they had been trained: grid, records, run folders."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import yaml

from ablations.grid.spec import parse_grid
from ablations.grid.yaml_file import read_yaml
from ablations.planning.plan import build_plan
from ablations.planning.planned import Planned, PlannedRun
from ablations.records import store
from ablations.records.home import Home
from pipeline.result import StageResult
from pipeline.spec.base import derive_seed
from pipeline.spec.records import Cost, Curves, Environment, RunRecord, Status, TimingRecord

STUDY = "many"
NUM_STAGES = 100  # of one seed: bare, 97 learning rates, a student and its teacher
EPOCHS = 10
STEPS = 150
TIMING_ROUNDS = 3
METRICS = ("top1", "top5", "balanced_accuracy", "macro_f1", "nll", "brier", "ece")
ENVIRONMENT = Environment(
    code_version="0" * 40, python="3.11", torch="2.15", ray="2.60", timm="1.0", device="cpu", threads_per_worker=1
)


def write_grid(path: Path, num_seeds: int) -> Path:
    """A grid of NUM_STAGES runs for each seed, on the digits that every installation has."""
    rates = {f"lr{i:02d}": {"optimizer.lr": round(0.001 * (i + 1), 3)} for i in range(NUM_STAGES - 4)}
    distill = {"recipes": [{"kind": "teacher_student", "teacher": {"kind": "small_cnn", "width": 16}, "epochs": 10}]}
    grid = {
        "study": STUDY,
        "question": "Does every command still answer in seconds?",
        "base": {
            "data": {"kind": "digits", "num_train": 300},
            "model": {"kind": "small_cnn", "width": 8},
            "optimizer": {"kind": "sgd", "lr": 0.2},
            "budget": {"epochs": EPOCHS, "batch_size": 20},
            "precision": "fp32",
        },
        "factors": {"rate": {"levels": rates}, "distill": distill},
        "design": "add_one_in",
        "noise_floor": False,
        "seeds": num_seeds,
        "resources": {"timing_rounds": TIMING_ROUNDS},
        "max_runs": 2 * NUM_STAGES * num_seeds,
    }
    path.write_text(yaml.safe_dump(grid, sort_keys=False))
    return path


def write_home(home: Home, grid: Path) -> Planned:
    """Keep every run of the grid's plan through the store, with weights of a kilobyte.

    The disk is not waited for: this home need not outlive a power cut.
    """
    planned = build_plan(parse_grid(read_yaml(grid), str(grid)), lambda precision: precision)
    store.write_plan(home, planned.plan)
    listing = next(iter(planned.data.values())).listing
    ids = np.asarray([listing.ids[row] for row in listing.rows("val")])
    images = np.random.default_rng(0)
    label, ease = images.integers(0, len(listing.class_names), len(ids)), images.normal(0, 1, len(ids))
    with _no_waiting():
        for run in planned.runs:
            result = made_up_result(run, planned, ids, label, ease)
            store.write_run(home, result)
            (home.run_dir(run.key) / "model.pt").write_bytes(bytes(1000))
            store.append_record(home, result.record)
        for round_index in range(TIMING_ROUNDS):
            for stage_hash in dict.fromkeys(arm.final.stage_hash for arm in planned.plan.arms):
                store.append_timing(home, _timing(stage_hash, round_index))
    return planned


def made_up_result(
    run: PlannedRun, planned: Planned, ids: np.ndarray, label: np.ndarray, ease: np.ndarray
) -> StageResult:
    """As large as a real one of small images.

    Args:
        run: whose it is.
        planned: with the names of the classes.
        ids: [num_val] str.
        label: [num_val] of the validation images.
        ease: [num_val] how easy an image is for every network.
    """
    rng = np.random.default_rng(derive_seed(run.key))
    score = ease + rng.normal(0, 0.7, len(ids)) + rng.normal(1.5, 0.1)
    is_right = score > 0
    confidence = (0.1 + 0.89 / (1 + np.exp(-np.abs(score)))).astype(np.float32)
    true_class_prob = np.where(is_right, confidence, (1 - confidence) / 9).astype(np.float32)
    top1 = float(is_right.mean())
    columns = {
        "id": ids,
        "label": label,
        "predicted": np.where(is_right, label, (label + 1) % len(planned.plan.data.class_names)),
        "confidence": confidence,
        "true_class_prob": true_class_prob,
        "top5_hit": np.ones(len(ids), dtype=bool),
        "brier": (confidence**2 - 2 * true_class_prob + 1).astype(np.float32),
    }
    record = RunRecord(
        stage_hash=run.stage.stage_hash,
        seed=run.seed,
        stage=run.stage.name,
        status=Status.FINISHED,
        metrics={f"val/{name}": top1 for name in METRICS} | {"train/loss": 1 - top1, "train/top1": top1},
        cost=Cost(
            samples_seen=EPOCHS * 300, busy_s=2.0, data_wait_s=0.1, eval_s=0.2, num_parameters=1000, num_workers=1
        ),
        environment=ENVIRONMENT,
        data_fingerprint=planned.plan.data.fingerprint,
        finished_at="2026-01-01T00:00:00Z",
    )
    rising = tuple(float(top1 * (1 - 0.5**epoch)) for epoch in range(1, EPOCHS + 1))
    curves = Curves(
        epoch=tuple(range(EPOCHS)),
        elapsed_s=tuple(0.2 * epoch for epoch in range(1, EPOCHS + 1)),
        image_size_px=(8,) * EPOCHS,
        series={"train/loss": tuple(1 - value for value in rising)} | {f"val/{name}": rising for name in METRICS},
        lr_step=tuple(range(STEPS)),
        lr=(0.1,) * STEPS,
    )
    log = "".join(f"epoch {epoch}/{EPOCHS} 8px loss {1 - value:.4f}\n" for epoch, value in enumerate(rising, 1))
    predictions = {f"val/{name}": column for name, column in columns.items()}
    return StageResult(record, run.stage.spec, curves, predictions, log)


def _timing(stage_hash: str, round_index: int) -> TimingRecord:
    step_ms = 10.0 + derive_seed(stage_hash, round_index) % 100 / 100
    return TimingRecord(
        block=f"{STUDY}-1",
        round=round_index,
        stage_hash=stage_hash,
        step_ms=step_ms,
        images_per_s=20_000 / step_ms,
        peak_memory_mb=None,
        environment=ENVIRONMENT,
    )


@contextmanager
def _no_waiting() -> Iterator[None]:
    with patch("os.fsync"):
        yield
