"""Earlier searches as hints: which of their trials count, and that they help an estimator."""

import math
from pathlib import Path

import pytest

from ablations.records.store import append_record, write_plan
from ablations.records.sync import sync
from ablations.tuning.drive import Search
from ablations.tuning.ranges import holds
from pipeline.spec.errors import RecordError, SpecError
from pipeline.spec.tuning import Choice, Integer, Uniform
from tests.ablations.grids import MIXUP, grid, plan_of
from tests.ablations.tuning.searches import RAW, home_of, play, spec_of, study_of
from tests.ablations.tuning.test_search import record_of

TPE = {"kind": "tpe", "startup_trials": 5}


def finish_one(home, **changes) -> Search:
    search = Search(study_of(**changes), home)
    play(search)
    write_plan(home, search.study.plan())
    for arm in search.study.trial_arms():
        append_record(home, record_of(search.study, arm))
    return search


@pytest.mark.parametrize(
    ("found", "value", "expected"),
    [
        (Uniform(low=0, high=1), 0.5, True),
        (Uniform(low=0, high=1), 1.5, False),
        (Uniform(low=0, high=1), "0.5", False),
        (Integer(low=1, high=3), 3, True),
        (Integer(low=1, high=3), 2.5, False),
        (Integer(low=0, high=1), True, False),
        (Choice(values=({"kind": "a"}, 1)), {"kind": "a"}, True),
        (Choice(values=({"kind": "a"}, 1)), {"kind": "b"}, False),
    ],
)
def test_a_value_lies_in_a_range_or_not(found, value, expected: bool) -> None:
    assert holds(found, value) is expected


def test_a_warm_search_starts_where_the_earlier_one_did_well(tmp_path: Path) -> None:
    """Its first trial already: a cold one draws it at random."""
    home = home_of(tmp_path)
    finish_one(home, study="before", budget={"trials": 25}, search={"kind": "random"})

    def distance(**changes) -> float:
        """Mean distance of the first three rates from the best one, in powers of ten, over ten seeds."""
        total = 0.0
        for seed in range(10):
            search = Search(study_of(budget={"trials": 3}, search=TPE | {"seed": seed}, **changes), home)
            for arm in search.ask(3):
                total += abs(math.log10(arm.final.spec["optimizer"]["lr"]) + 1.3) / 30
        return total

    assert distance(study="warm", warm_start=["before"]) < 0.7 * distance(study="cold")


def test_earlier_trials_outside_this_space_are_left_out_and_never_win(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    before = finish_one(home, study="before")
    narrow = RAW["space"] | {"optimizer.lr": {"kind": "uniform", "low": 0.5, "high": 1.0}}
    search = Search(study_of(study="narrow", space=narrow, search=TPE, warm_start=["before"]), home)
    inside = [t for t in before.study.tuning.trials if t.values["optimizer.lr"] >= 0.5]
    assert len(search._earlier) == len(inside) < 8
    play(search)
    assert search.study.tuned is not None and search.study.tuned.recipe["optimizer"]["lr"] >= 0.5


def test_a_search_of_another_home_is_read_from_mlflow_alone(tmp_path: Path) -> None:
    """The same trials as by name in that home; the new home holds nothing of them."""
    there, here = home_of(tmp_path / "there"), home_of(tmp_path / "here")
    finish_one(there, study="before")
    sync(there)
    source = {"study": "before", "mlflow": there.mlflow_uri}
    by_name = Search(study_of(search=TPE, warm_start=["before"]), there)
    read = Search(study_of(search=TPE, warm_start=[source]), here)
    assert len(read._earlier) == 8
    assert read._earlier == by_name._earlier
    assert read.records == {}
    with pytest.raises(RecordError, match="there is no file"):
        Search(study_of(search=TPE, warm_start=[source | {"mlflow": "sqlite:////nowhere/mlflow.db"}]), here)
    with pytest.raises(RecordError, match="no experiment 'befor', did you mean 'before'"):
        Search(study_of(search=TPE, warm_start=[source | {"study": "befor"}]), here)
    with pytest.raises(SpecError, match="warm_start"):
        spec_of(search=TPE, warm_start=[{"study": "before"}])


def test_what_cannot_be_learned_from_is_refused(tmp_path: Path) -> None:
    home = home_of(tmp_path)
    finish_one(home, study="before")
    write_plan(home, plan_of(grid(factors={"mixup": MIXUP})).plan)
    with pytest.raises(SpecError, match="a random search learns from no trial"):
        spec_of(warm_start=["before"])
    with pytest.raises(SpecError, match="is this search itself"):
        spec_of(search=TPE, warm_start=["search"])
    with pytest.raises(SpecError, match="is a grid's, which has no trials"):
        Search(study_of(search=TPE, warm_start=["tricks"]), home)
    with pytest.raises(RecordError, match="no study 'nobody'"):
        Search(study_of(search=TPE, warm_start=["nobody"]), home)
    longer = RAW["base"] | {"budget": {"epochs": 12, "batch_size": 20}}
    with pytest.raises(SpecError, match="trained for 9 epochs, this one trains for 12"):
        Search(study_of(search=TPE, warm_start=["before"], base=longer), home)
