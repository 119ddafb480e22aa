"""A whole fake home with known effects: five factors both ways, a placebo and label noise, three seeds."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.spec.base import content_hash, derive_seed
from pipeline.spec.card import Card, Paper
from pipeline.spec.field_cards import FIELD_CARDS
from pipeline.spec.records import (
    Cost,
    Curves,
    Environment,
    Failure,
    RunRecord,
    Status,
    TimingRecord,
    run_key,
)
from pipeline.spec.schedule import Cosine
from pipeline.spec.study import (
    Arm,
    Comparison,
    DataSummary,
    Metric,
    PlannedStage,
    SkippedArm,
    StudyPlan,
    Undeclared,
)
from tests.reports.seen_files import write_run_pictures, write_thumbnails

FACTORS = {  # points of top-1 it adds: alone, and on top of all others
    "cosine": (3.2, 2.9),
    "mixup": (0.9, -2.4),
    "smoothing": (0.1, 0.0),
    "distill": (2.4, 1.6),
    "progressive": (-1.9, -2.2),
}
PATCHES = {
    "cosine": {"schedule": {"kind": "cosine", "warmup_epochs": 1}},
    "mixup": {"strategies": [{"kind": "mixup", "alpha": 0.2}]},
    "smoothing": {"strategies": [{"kind": "label_smoothing", "epsilon": 0.1}]},
    "distill": {"recipes": [{"kind": "teacher_student", "teacher": {"name": "resnet34"}}]},
    "progressive": {"strategies": [{"kind": "progressive_resizing", "from_px": 64}]},
    "placebo": {"strategies": [{"kind": "placebo"}]},
    "label_noise": {"strategies": [{"kind": "label_noise", "frac": 0.2}]},
}
STEP_RATIO = {"mixup": 1.02, "distill": 1.45, "progressive": 0.71, "cosine": 1.0, "smoothing": 1.01}
BASE = {
    "data": {"kind": "image_folder", "path": "data/clothing-256", "image_size_px": 128},
    "model": {"kind": "timm", "name": "resnet10t"},
    "optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5.0e-5},
    "budget": {"epochs": 12, "batch_size": 64},
}
ENVIRONMENT = Environment(
    code_version="0.1.0", python="3.11.7", torch="2.15.0", ray="2.60.0", timm="1.0.22", device="cpu (2 cores)",
    threads_per_worker=1,
)  # fmt: skip
FULL_GAIN = 4.3
EPOCHS = 12


@dataclass(frozen=True)
class Options:
    """What to vary between tests."""

    seeds: tuple[int, ...] = (0, 1, 2)
    noise_pt: float = 0.25
    fail: tuple[tuple[str, int], ...] = (("-smoothing", 2),)
    metric: str = "top1"
    delta: float = 0.5
    class_name: str = "<script>alert(1)</script>"
    pictures: bool = True


def make_arm(name: str, factors: tuple[str, ...]) -> Arm:
    recipe: dict = json.loads(json.dumps(BASE))
    for factor in factors:
        for field, value in PATCHES[factor].items():
            recipe[field] = recipe.get(field, []) + value if isinstance(value, list) else value
    spec = {"schedule": {"kind": "constant"}} | recipe | {"strategies": recipe.get("strategies", [])}
    stages = []
    needs = {}
    if "distill" in factors:
        teacher = spec | {"model": {"kind": "timm", "name": "resnet34"}, "strategies": []}
        teacher_hash = content_hash(BASE | {"teacher": "resnet34"})
        stages.append(PlannedStage(name="teacher", stage_hash=teacher_hash, spec=teacher))
        needs = {"teacher": teacher_hash}
    stages.append(PlannedStage(name="main", stage_hash=content_hash([spec, needs]), needs=needs, spec=spec))
    return Arm(name=name, factors=factors, stages=tuple(stages), recipe=recipe)


def make_plan(options: Options) -> StudyPlan:
    names = tuple(FACTORS)
    bare, full = make_arm("bare", ()), make_arm("full", names)
    arms, comparisons = [bare, full], []
    for factor in names:
        alone = make_arm(f"+{factor}", (factor,))
        without = make_arm(f"-{factor}", tuple(f for f in names if f != factor))
        arms += [alone, without]
        comparisons += [
            Comparison(factor=factor, context="added to bare", treatment=alone.name, reference="bare"),
            Comparison(factor=factor, context="removed from full", treatment="full", reference=without.name),
        ]
    for control in ("placebo", "label_noise"):
        arms.append(make_arm(f"+{control}", (control,)))
        comparisons.append(
            Comparison(factor=control, context="added to bare", treatment=arms[-1].name, reference="bare", control=True)
        )
    return StudyPlan(
        study="clothing-tricks",
        question="Which tricks help a small ResNet on three thousand photos?",
        metric=Metric.model_validate({"name": options.metric, "delta": options.delta}),
        seeds=options.seeds,
        design="both_ways",
        arms=tuple(arms),
        comparisons=tuple(comparisons),
        data=DataSummary(
            fingerprint="3f9a" * 16,
            class_names=("dress", "hat", "shoes", options.class_name),
            num_samples={"train": 2147, "val": 460, "test": 461},
            notes=("2 images are smaller than 128 px",),
        ),
        cards=make_cards(),
    )


def make_cards() -> dict[str, Card]:
    mixup = Card(
        title="Mixup",
        family="regularization",
        idea="Blend each image with a random partner; blend targets by the same weight.",
        paper=Paper(title="mixup: Beyond Empirical Risk Minimization", year=2018, arxiv="1710.09412"),
        formula="x' = w x_i + (1 - w) x_j",
        helps_when="training is long enough to overfit",
        pitfalls=("Short schedules may underfit.",),
        defaults_from="the paper's ImageNet runs",
    )
    rest = {
        name: Card(title=name.replace("_", " ").capitalize(), family="demo", idea=f"What {name} does, in a line.")
        for name in PATCHES
        if name not in ("mixup", "cosine")
    }
    return {"mixup": mixup, "cosine": Cosine.card, "cosine: warmup": FIELD_CARDS["warmup"].card} | rest


def true_points(arm: Arm) -> float:
    """The level that an arm's runs scatter around, in points."""
    if arm.name == "full":
        return 71.0 + FULL_GAIN
    if arm.name.startswith("-"):
        return 71.0 + FULL_GAIN - FACTORS[arm.name.removeprefix("-")][1]
    return 71.0 + sum({"placebo": 0.0, "label_noise": -6.0}.get(f, FACTORS.get(f, (0.0,))[0]) for f in arm.factors)


def write_home(home: Path, options: Options | None = None) -> StudyPlan:
    """Write the home of a finished study and return its plan."""
    options = options or Options()
    plan = make_plan(options)
    folder = home / "studies" / plan.study
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(plan.model_dump_json())
    rng = np.random.default_rng(7)
    luck = {seed: rng.normal(0, 0.6) for seed in plan.seeds}  # shared by all arms of a seed: what pairing removes
    lines: dict[tuple[str, int], str] = {}
    for arm in plan.arms:
        for stage in arm.stages:
            for seed in plan.seeds:
                points = 80.0 if stage.name == "teacher" else true_points(arm)
                top1 = (points + luck[seed] + rng.normal(0, options.noise_pt)) / 100
                if (stage.stage_hash, seed) in lines:
                    continue
                failed = (arm.name, seed) in options.fail or (stage.name, seed) in options.fail
                record = _record(stage, seed, top1, failed)
                lines[stage.stage_hash, seed] = record.model_dump_json()
                if not failed:
                    _write_files(home / "runs" / run_key(stage.stage_hash, seed), stage, top1, rng, options.pictures)
    (home / "records.jsonl").write_text("\n".join(lines.values()) + "\n")
    timings = [t.model_dump_json() for round in range(5) for arm in plan.arms for t in [_timing(arm, round, rng)]]
    (home / "timings.jsonl").write_text("\n".join(timings) + "\n")
    if options.pictures:
        write_thumbnails(home, plan.data.fingerprint)
    return plan


def train_alike(home: Path, plan: StudyPlan, arm: str, reference: str, seeds: tuple[int, ...]) -> None:
    """As if these runs of an arm had trained bit for bit like the reference's: metrics, curves and predictions."""
    to, of = (plan.arm(name).final.stage_hash for name in (arm, reference))
    path = home / "records.jsonl"
    records = [RunRecord.model_validate_json(line) for line in path.read_text().splitlines()]
    metrics = {record.seed: record.metrics for record in records if record.stage_hash == of}
    changed = [
        record.model_copy(update={"metrics": metrics[record.seed]})
        if record.stage_hash == to and record.seed in seeds
        else record
        for record in records
    ]
    path.write_text("".join(record.model_dump_json() + "\n" for record in changed))
    for seed in seeds:
        for name in ("curves.json", "predictions.npz"):
            shutil.copy(home / "runs" / run_key(of, seed) / name, home / "runs" / run_key(to, seed) / name)


def write_plan(home: Path, plan: StudyPlan) -> StudyPlan:
    """Replace the plan of a home that was written already."""
    (home / "studies" / plan.study / "plan.json").write_text(plan.model_dump_json())
    return plan


def without_full(plan: StudyPlan, reason: str) -> StudyPlan:
    """As the planner leaves the study when mixup and smoothing clash: what is added to bare, and the rest skipped."""
    clash = ("mixup", "smoothing")
    skipped = tuple(
        SkippedArm(
            name=arm.name,
            factors=arm.factors,
            reason=reason if set(clash) <= set(arm.factors) else "only ever compared with full",
            clash=clash if set(clash) <= set(arm.factors) else (),
        )
        for arm in plan.arms
        if arm.name == "full" or arm.name.startswith("-")
    )
    gone = {arm.name for arm in skipped}
    lost = tuple(comparison for comparison in plan.comparisons if comparison.reference in gone)
    return plan.model_copy(
        update={
            "arms": tuple(arm for arm in plan.arms if arm.name not in gone),
            "comparisons": tuple(comparison for comparison in plan.comparisons if comparison not in lost),
            "skipped": skipped,
            "unassessed": lost,
        }
    )


def with_undeclared(plan: StudyPlan, changes: dict[str, tuple[Undeclared, ...]]) -> StudyPlan:
    """The plan with changes that no factor names in some arms."""
    arms = tuple(arm.model_copy(update={"undeclared": changes.get(arm.name, ())}) for arm in plan.arms)
    return plan.model_copy(update={"arms": arms})


def _record(stage: PlannedStage, seed: int, top1: float, failed: bool) -> RunRecord:
    failure = Failure(
        type="Diverged",
        message="the training loss is nan at step 212; lower the learning rate or add warm-up",
        step=212,
        attempts=2,
        log_tail="epoch 6 step 210 loss 8.41\nepoch 6 step 211 loss 61.2\nepoch 6 step 212 loss nan\n",
    )
    return RunRecord(
        stage_hash=stage.stage_hash,
        seed=seed,
        stage=stage.name,
        status=Status.FAILED if failed else Status.FINISHED,
        metrics={} if failed else {
            "val/top1": top1, "val/top5": min(1.0, top1 + 0.2), "val/nll": 3.0 - 2.6 * top1, "val/ece": 0.05,
            "train/loss": 0.9,
        },
        cost=None if failed else Cost(
            samples_seen=EPOCHS * 2112, busy_s=61.0 + seed, data_wait_s=1.2, eval_s=4.0, num_parameters=4_900_000,
            num_workers=1,
        ),
        environment=ENVIRONMENT,
        data_fingerprint="3f9a" * 16,
        skipped_images=1,
        finished_at="2026-11-22T10:00:00+00:00",
        failure=failure if failed else None,
    )  # fmt: skip


def _timing(arm: Arm, round: int, rng: np.random.Generator) -> TimingRecord:
    ratio = float(np.prod([STEP_RATIO.get(factor, 1.0) for factor in arm.factors]))
    step_ms = 171.0 * ratio * float(np.exp(rng.normal(0, 0.01)))
    return TimingRecord(
        block="2026-11-22T11:00", round=round, stage_hash=arm.final.stage_hash, step_ms=step_ms,
        images_per_s=64_000 / step_ms, peak_memory_mb=910.0 * ratio, environment=ENVIRONMENT,
    )  # fmt: skip


def _write_files(folder: Path, stage: PlannedStage, top1: float, rng: np.random.Generator, pictures: bool) -> None:
    folder.mkdir(parents=True)
    progress = np.arange(1, EPOCHS + 1) / EPOCHS
    series = top1 * (1 - np.exp(-4 * progress)) / (1 - np.exp(-4)) + rng.normal(0, 0.006, EPOCHS) * (1 - progress)
    curves = Curves(
        epoch=tuple(range(1, EPOCHS + 1)),
        elapsed_s=tuple(5.0 * e for e in range(1, EPOCHS + 1)),
        image_size_px=(128,) * EPOCHS,
        series={
            "val/top1": tuple(float(v) for v in series),
            "val/nll": tuple(float(3.0 - 2.6 * v) for v in series),
            "train/loss": tuple(float(2.2 - 1.6 * v) for v in series),
        },
        lr_step=(0, 100, 200),
        lr=(0.1, 0.05, 0.0),
    )
    (folder / "curves.json").write_text(curves.model_dump_json())
    (folder / "spec.json").write_text(json.dumps(stage.spec))
    (folder / "log.txt").write_text("epoch 12 done\n")
    columns = predictions(top1, np.random.default_rng(derive_seed(folder.name)))
    np.savez(folder / "predictions.npz", **columns)  # type: ignore[arg-type]
    if pictures:
        kinds = {strategy["kind"] for strategy in stage.spec["strategies"]}
        write_run_pictures(folder, "mixup" in kinds, columns)


def predictions(top1: float, rng: np.random.Generator, num_images: int = 460) -> dict[str, np.ndarray]:
    """What a run with this accuracy stores: the same images and labels for every run, some of them hard for all."""
    images = np.random.default_rng(11)
    label, ease = images.integers(0, 4, num_images), images.normal(0, 1, num_images)
    score = ease + rng.normal(0, 0.7, num_images)
    luck = 1.5 * score + rng.logistic(0, 1, num_images)  # a logistic model of being right, so confidence is earned
    correct = np.argsort(np.argsort(-luck)) < round(top1 * num_images)
    confidence = (0.3 + 0.69 / (1 + np.exp(-1.2 - 1.5 * score))).astype(np.float32)
    true_class_prob = np.where(correct, confidence, (1 - confidence) / 3).astype(np.float32)
    columns = {
        "id": np.array([f"a/{i}.jpg" for i in range(num_images)]),
        "label": label,
        "predicted": np.where(correct, label, (label + 1) % 4),
        "confidence": confidence,
        "true_class_prob": true_class_prob,
        "top5_hit": np.ones(num_images, bool),
        "brier": (confidence**2 - 2 * true_class_prob + 1).astype(np.float32),
    }
    return {f"val/{name}": column for name, column in columns.items()}
