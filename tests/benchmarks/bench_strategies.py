"""What every strategy adds to a training step, to the pixels of a batch and to an evaluation, beside bare, in turns.

Run: python -m tests.benchmarks.bench_strategies [--kinds mixup,sam] [--pairs 15] [--write]
Bare, the strategy and, where its arithmetic asks for more than bare's, the least possible program take turns on equal
batches; ratios are taken within a turn. `--write` keeps the result for the cards (pipeline/spec/overheads.json).
"""

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats

from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.plan import train_batches
from pipeline.data.prepared import reader_in
from pipeline.data.render import render
from pipeline.data.sources import scan
from pipeline.spec.data import Digits
from pipeline.spec.overhead import MEASURED, Overhead, Ratio
from pipeline.strategies import CATALOGUE
from pipeline.strategies.base import Strategy, StrategyConfig
from pipeline.strategies.chain import overrides
from pipeline.training.job import StageJob
from pipeline.training.predict import Predictor
from pipeline.training.setup import Setup
from pipeline.training.step import train_step
from pipeline.training.team import Team
from pipeline.training.timing import Phase, ReadyStage, make_ready
from tests.pipeline.conftest import prepared_here
from tests.pipeline.stages import SHARE, digits_stage
from tests.pipeline.training.teachers import job_in, train_teacher

SIZE_PX, BATCH, NETWORK = 64, 64, "resnet10t"
TEAM = Team.alone()
NO_STEP = {"after_epoch", "after_eval", "finish", "calibrate", "plan_epoch", "stream_seed", "edit_dataset"}


@dataclass(frozen=True, slots=True)
class Turns:
    """Programs that take turns, and how the ratios came out."""

    programs: dict[str, Callable[[], object]]

    def run(self, pairs: int) -> dict[str, list[float]]:
        """Seconds of each program in each turn; the order is reversed from turn to turn."""
        names = list(self.programs)
        for name in names:
            self.programs[name]()
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for turn in range(pairs):
            for name in names if turn % 2 == 0 else reversed(names):
                start = time.perf_counter()
                self.programs[name]()
                seconds[name].append(time.perf_counter() - start)
        return seconds


def ratio_of(over: Sequence[float], under: Sequence[float]) -> Ratio:
    """Median of the paired ratios, with the interval of its ranks: a disturbed turn moves neither."""
    ratios = np.sort(np.asarray(over) / np.asarray(under))
    below = int(stats.binom.ppf(0.025, len(ratios), 0.5))  # with 15 turns the 4th lowest and highest: 96.5%
    if below < 1:
        raise SystemExit(f"--pairs {len(ratios)}: at least 6 are needed for a 95% interval of a median")
    return Ratio(median=float(np.median(ratios)), low=float(ratios[below - 1]), high=float(ratios[-below]))


def step_of(ready: ReadyStage, phase: Phase) -> Callable[[], object]:
    """One training step of a stage."""
    setup = ready.setup
    return lambda: train_step(setup, phase.batches, phase.plan, 0, TEAM)


def floor_of(kind: str, bare: ReadyStage, on: Setup) -> tuple[str, Callable[[], object]] | None:
    """The least that a step with this strategy must do, as a program, where that is more than bare's step."""
    step, (phase,) = step_of(bare, bare.phases[0]), bare.phases[:1]
    model = bare.setup.network.model
    match kind:
        case "sam":

            def twice() -> None:
                step()
                loss = bare.setup.loss_fn(model(phase.batches[0].images).float(), phase.batches[0])
                torch.stack(list(loss.values())).sum().backward()

            return "two passes and one update", twice
        case "ema":
            shadow = [p.detach().clone() for p in model.parameters()]

            def averaged() -> None:
                step()
                with torch.no_grad():
                    torch._foreach_lerp_(shadow, [p.detach() for p in model.parameters()], 0.01)

            return "one fused update of the average", averaged
        case "distill":
            teacher = on.chain._strategies[0]._teacher  # type: ignore[attr-defined] - the very network it asks

            def taught() -> None:
                step()
                with torch.no_grad():
                    teacher(phase.batches[0].images)

            return "a forward pass of the teacher", taught
    return None


def measure(
    kind: str, config: StrategyConfig, bare: ReadyStage, on: ReadyStage, pairs: int, setting: str
) -> list[Overhead]:
    """What the strategy's hooks can slow down, each in its own turns."""
    found: list[Overhead] = []
    public = [name for name, value in vars(Strategy).items() if callable(value) and not name.startswith("_")]
    hooks = {name for name in public if overrides(config.trick.runtime, name)}
    other_network = type(config).edit_model is not StrategyConfig.edit_model or "trainable" in hooks
    if other_network or hooks - NO_STEP - {"row_transforms", "predict", "state_dict", "load_state_dict"}:
        programs = {"bare": step_of(bare, bare.phases[0]), "on": step_of(on, on.phases[-1])}
        floor = None if other_network else floor_of(kind, bare, on.setup)
        if floor is not None:
            programs["floor"] = floor[1]
        seconds = Turns(programs).run(pairs)
        times_bare = ratio_of(seconds["on"], seconds["bare"])
        times_floor = (
            None if other_network else times_bare if floor is None else ratio_of(seconds["on"], seconds["floor"])
        )
        said = "" if other_network else floor[0] if floor else "nothing beyond bare's step"
        found.append(
            Overhead(
                what="step",
                times_bare=times_bare,
                floor=said,
                times_floor=times_floor,
                num_pairs=pairs,
                setting=setting,
            )
        )
    if "row_transforms" in hooks:
        found.append(rendering(bare, on, pairs, setting))
    if "predict" in hooks:
        found.append(predicting(bare, on, pairs, setting))
    return found


def rendering(bare: ReadyStage, on: ReadyStage, pairs: int, setting: str) -> Overhead:
    """The pixels of one batch, in one thread."""
    spec, setup = bare.job.spec, bare.setup
    (batch, *_) = train_batches(setup.index, setup.plans[-1], 1, 0, 0, 1)
    reader = reader_in(DATA[0].prepared.folder)
    transforms = on.setup.chain.row_transforms()
    seconds = Turns({
        "bare": lambda: render(batch, spec.data, (), 0, reader),
        "on": lambda: render(batch, spec.data, transforms, 0, reader),
    }).run(pairs)  # fmt: skip
    extra_us = 1e6 * float(np.median(np.subtract(seconds["on"], seconds["bare"]))) / len(batch.rows)
    return Overhead(
        what="render", times_bare=ratio_of(seconds["on"], seconds["bare"]), num_pairs=pairs,
        setting=f"+{extra_us:.0f} microseconds an image in a thread of the stream, beside training; {setting}",
    )  # fmt: skip


def predicting(bare: ReadyStage, on: ReadyStage, pairs: int, setting: str) -> Overhead:
    """The logits of one batch."""
    images = bare.phases[0].batches[0].images

    def ask(ready: ReadyStage) -> Callable[[], object]:
        predictor = Predictor(ready.setup.chain, ready.setup.precision, TEAM)
        model = ready.setup.network.model

        def once() -> None:
            model.eval()
            with torch.inference_mode():
                predictor.chain.predict(model, images)

        return once

    seconds = Turns({"bare": ask(bare), "on": ask(on)}).run(pairs)
    return Overhead(
        what="predict", times_bare=ratio_of(seconds["on"], seconds["bare"]), num_pairs=pairs, setting=setting
    )


DATA: list[DataHandle] = []


def main() -> None:
    """Print, and keep when asked."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", default=",".join(kind for kind in CATALOGUE if kind != "custom"))
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    where = platform.processor() or platform.machine()
    setting = f"{NETWORK}, {SIZE_PX} px, batch {BATCH}, fp32, one thread, {where}, {datetime.now(UTC):%Y-%m-%d}"
    kept: dict[str, Any] = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder, spec = Path(name), Digits()
        listing = scan(spec)
        (folder / "data").mkdir()
        DATA.append(make_handle(listing, prepared_here(spec, listing, folder / "data")))
        teacher = train_teacher(DATA[0], folder / "teacher")

        def ready(label: str, *strategies: dict[str, Any]) -> ReadyStage:
            stage = digits_stage(
                *strategies, data={"kind": "digits", "image_size_px": SIZE_PX}, model={"kind": "timm", "name": NETWORK},
                budget={"epochs": 4, "batch_size": BATCH},
            )  # fmt: skip
            job: StageJob = job_in(folder / label, stage, teacher)
            return make_ready(job, DATA[0], TEAM, SHARE)

        bare = ready("bare")
        for kind in args.kinds.split(","):
            config = CATALOGUE[kind].example()
            if config.setting():  # made for another stage; they add nothing to a step, to pixels or to an evaluation
                continue
            on = ready(kind, config.model_dump(mode="json"))
            found = measure(kind, config, bare, on, args.pairs, setting)
            kept[kind] = [one.model_dump(mode="json") for one in found]
            for one in found:
                floor = f", {one.times_floor.median:.3f}x the floor ({one.floor})" if one.times_floor else ""
                r = one.times_bare
                print(f"{kind}: {one.what} {r.median:.3f}x [{r.low:.3f}, {r.high:.3f}]{floor}", flush=True)
            if args.write:  # after each kind, so that a stop loses one
                MEASURED.write_text(json.dumps(dict(sorted(kept.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
