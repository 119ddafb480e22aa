"""Twenty real A/A studies on digits: four idle factors that differ from bare in luck alone, and one that must hurt.

Run: python -m tests.benchmarks.bench_real_aa [--studies 20] [--seeds 3] [--home FOLDER]
One grid is trained with studies x seeds seeds; each study is then judged from its own seeds, as `ablate run` would.
"""

import argparse
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from ablations.grid.spec import parse_grid
from ablations.planning.plan import build_plan
from ablations.records.home import Home
from ablations.running.runner import precision_of_hardware, run_study
from reports.analysis.study import analyse
from reports.records.load import StudyData, load_study
from reports.results.effect import Effect
from reports.stats.proportion import wilson

IDLE = ("a", "b", "c", "d")


def grid_of(num_seeds: int) -> dict:
    """The demo's recipe with idle levels of one factor, and wrong labels as the control that must hurt."""
    return {
        "study": "digits-aa",
        "question": "Does luck alone ever look like a trick?",
        "base": {
            "data": {"kind": "digits"},
            "model": {"kind": "small_cnn", "width": 16},
            "optimizer": {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 5.0e-4},
            "schedule": {"kind": "cosine", "warmup_epochs": 2},
            "budget": {"epochs": 30, "batch_size": 64},
            "precision": "fp32",
        },
        "factors": {"luck": {"levels": {n: {"strategies": [{"kind": "placebo", "stream": n}]} for n in IDLE}}},
        "controls": {"label_noise": {"strategies": [{"kind": "label_noise", "frac": 0.3}]}},
        "design": {"kind": "add_one_in"},
        "noise_floor": False,
        "seeds": num_seeds,
        "max_runs": 10_000,
        "resources": {"timing_rounds": 0},
    }


def study_of(found: StudyData, seeds: tuple[int, ...]) -> StudyData:
    """The study that would have been run with these seeds only."""
    records = {run: record for run, record in found.records.items() if run[1] in seeds}
    return replace(found, plan=found.plan.model_copy(update={"seeds": seeds}), records=records, plans=())


def main() -> None:
    """Train, judge each study, count."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--home")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        home = Home.resolve(args.home or temporary)
        grid = parse_grid(grid_of(args.studies * args.seeds), "digits-aa")
        planned = build_plan(grid, precision_of_hardware)
        run_study(planned, home, grid.resources)
        report(load_study(Path(home.root), grid.study), args.studies, args.seeds)


def report(found: StudyData, num_studies: int, num_seeds: int) -> None:
    """Print what each study would have said."""
    idle: Counter[str] = Counter()
    harmful: Counter[str] = Counter()
    false_studies = covered = 0
    spreads = []
    for number in range(num_studies):
        seeds = found.plan.seeds[number * num_seeds : (number + 1) * num_seeds]
        analysis = analyse(study_of(found, seeds))
        idle.update(str(effect.verdict) for effect in analysis.declared)
        harmful.update(str(effect.verdict) for effect in analysis.controls)
        false_studies += any(effect.verdict.helps or effect.verdict.hurts for effect in analysis.declared)
        covered += sum(_covers_zero(effect) for effect in analysis.declared)
        if analysis.noise_floor is not None:
            spreads.append(analysis.noise_floor.sd)
    limits = wilson(false_studies, num_studies)
    total = num_studies * len(IDLE)
    middle = sorted(spreads)[len(spreads) // 2]
    share = f"{false_studies} of {num_studies} (95% CI {limits.low:.1%} to {limits.high:.1%})"
    print(f"studies with a false claim: {share}")
    print(f"intervals of idle factors that cover 0: {covered} of {total} ({covered / total:.1%})")
    print(f"verdicts on idle factors: {dict(idle)}")
    print(f"verdicts on label noise: {dict(harmful)}")
    print(f"sd of a run, points: median {middle:.2f}, {min(spreads):.2f} to {max(spreads):.2f}")


def _covers_zero(effect: Effect) -> bool:
    return effect.ci95 is not None and effect.ci95.low <= 0 <= effect.ci95.high


if __name__ == "__main__":
    main()
