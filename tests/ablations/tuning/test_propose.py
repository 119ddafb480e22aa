"""Where the next trial goes: inside its ranges, never twice to a point, and the same however often it is asked."""

import itertools

import numpy as np
import optuna
import pytest
from scipy import stats

from ablations.tuning.history import Outcome, TrialSoFar
from ablations.tuning.propose import Space, draw, grid_points, propose
from pipeline.spec.base import derive_seed
from pipeline.spec.tuning import (
    AnyRange,
    AnySearch,
    Choice,
    GridSearch,
    Integer,
    LogUniform,
    RandomSearch,
    TpeSearch,
    Uniform,
)

SPACE: dict[str, AnyRange] = {
    "rate": LogUniform(low=1e-4, high=1.0),
    "share": Uniform(low=-1.0, high=1.0),
    "depth": Integer(low=1, high=4),
    "part": Choice(values=({"kind": "a"}, {"kind": "b"}, "none")),
}


def gain(values: dict) -> float:
    return -((np.log10(values["rate"]) + 2) ** 2) - (values["share"] - 0.5) ** 2 - 0.1 * values["depth"]


def trial(number: int, values: dict, score: float | None, state: str = "finished") -> TrialSoFar:
    return TrialSoFar(number, values, (Outcome(3, state, score, 1.0 if score is not None else None),), 3)  # type: ignore[arg-type]


def searched(search: AnySearch, num: int) -> list[TrialSoFar]:
    trials: list[TrialSoFar] = []
    for number in range(num):
        values = propose(SPACE, search, trials)
        assert values is not None
        trials.append(trial(number, values, gain(values)))
    return trials


@pytest.mark.parametrize("search", [GridSearch(points=3), RandomSearch(), TpeSearch(startup_trials=5)])
def test_trials_lie_in_the_space_and_none_comes_twice(search: AnySearch) -> None:
    trials = searched(search, 30)
    assert len({str(one.values) for one in trials}) == 30
    for values in (one.values for one in trials):
        assert 1e-4 <= values["rate"] <= 1 and -1 <= values["share"] <= 1
        assert values["depth"] in (1, 2, 3, 4) and values["part"] in SPACE["part"].values  # type: ignore[union-attr]
        assert values["rate"] == float(f"{values['rate']:.4g}"), "few digits, to be copied into a grid"


@pytest.mark.parametrize("search", [GridSearch(points=3), RandomSearch(seed=3), TpeSearch(startup_trials=5)])
def test_the_same_is_proposed_however_often_it_is_asked(search: AnySearch) -> None:
    trials = searched(search, 12)
    again = [propose(SPACE, search, trials[:number]) for number in range(12)]
    assert again == [one.values for one in trials]


def test_another_seed_is_another_search() -> None:
    assert propose(SPACE, RandomSearch(seed=0), []) != propose(SPACE, RandomSearch(seed=1), [])


def test_a_grid_is_every_combination_and_then_nothing() -> None:
    space: Space = {"a": Integer(low=1, high=3), "b": Choice(values=("x", "y"))}
    search = GridSearch(points=5)
    expected = {(a, b) for a, b in itertools.product((1, 2, 3), "xy")}
    assert {(p["a"], p["b"]) for p in grid_points(space, search)} == expected
    trials: list[TrialSoFar] = []
    while (values := propose(space, search, trials)) is not None:
        trials.append(trial(len(trials), values, 0.0))
    assert {(one.values["a"], one.values["b"]) for one in trials} == expected


def test_a_grid_along_a_logarithmic_range_has_equal_ratios() -> None:
    found = sorted(point["r"] for point in grid_points({"r": LogUniform(low=0.001, high=1.0)}, GridSearch(points=4)))
    assert found == [0.001, 0.01, 0.1, 1.0]


def test_a_small_space_is_used_up() -> None:
    space: Space = {"a": Choice(values=(1, 2))}
    for search in (RandomSearch(), TpeSearch(startup_trials=1)):
        trials = [trial(0, {"a": 1}, 0.0), trial(1, {"a": 2}, 1.0)]
        assert propose(space, search, trials) is None
        assert propose(space, search, trials[:1]) == {"a": 2}


def test_draws_are_spread_as_the_ranges_say() -> None:
    """Against scipy's distributions, by Kolmogorov and Smirnov, and chi squared for what is counted."""
    space = SPACE | {"log_depth": Integer(low=1, high=100, log=True)}
    drawn = [draw(space, np.random.default_rng(seed)) for seed in range(2000)]
    uniform = stats.kstest([one["share"] for one in drawn], stats.uniform(-1, 2).cdf)
    log_uniform = stats.kstest([one["rate"] for one in drawn], stats.loguniform(1e-4, 1).cdf)
    depth = stats.chisquare(np.bincount([one["depth"] for one in drawn])[1:])
    assert min(uniform.pvalue, log_uniform.pvalue, depth.pvalue) > 1e-3
    decades = np.histogram([one["log_depth"] for one in drawn], [1, 10, 101])[0]
    share = np.log(9.5 / 0.5) / np.log(100.5 / 0.5)  # of the density 1/x on 0.5 .. 100.5 that rounds to below 10
    assert abs(decades[0] / 2000 - share) < 4 * np.sqrt(share * (1 - share) / 2000)


def test_the_estimator_is_optunas_own() -> None:
    """What a study of Optuna that was told the same trials by hand asks for."""
    trials = searched(RandomSearch(), 15)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = derive_seed(7, "tpe", 15) % 2**32
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=5, constant_liar=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    parts = list(SPACE["part"].values)  # type: ignore[union-attr]
    ranges = {
        "rate": optuna.distributions.FloatDistribution(1e-4, 1.0, log=True),
        "share": optuna.distributions.FloatDistribution(-1.0, 1.0),
        "depth": optuna.distributions.IntDistribution(1, 4),
        "part": optuna.distributions.CategoricalDistribution([0, 1, 2]),
    }
    for one in trials:
        params = one.values | {"part": parts.index(one.values["part"])}
        study.add_trial(optuna.create_trial(params=params, distributions=ranges, value=gain(one.values)))
    asked = study.ask(ranges).params
    found = propose(SPACE, TpeSearch(seed=7, startup_trials=5), trials)
    assert found is not None and parts.index(found["part"]) == asked["part"] and found["depth"] == asked["depth"]
    assert found["rate"] == pytest.approx(asked["rate"], rel=1e-3)
    assert found["share"] == pytest.approx(asked["share"], rel=1e-3)


def test_the_estimator_goes_where_trials_did_well_and_random_does_not() -> None:
    def close(search: AnySearch) -> int:
        late = searched(search, 60)[30:]
        return sum(abs(np.log10(one.values["rate"]) + 2) < 0.7 for one in late)

    assert close(TpeSearch()) > 1.5 * close(RandomSearch())


def test_running_failed_and_impossible_trials_are_told_too() -> None:
    trials = searched(RandomSearch(), 12)
    trials[3] = trial(3, trials[3].values, None, "failed")
    trials[4] = trial(4, trials[4].values, None, "running")
    trials[5] = TrialSoFar(5, trials[5].values, (), 3)
    for seconds in (False, True):
        assert propose(SPACE, TpeSearch(startup_trials=2), trials, seconds) is not None


def test_with_seconds_as_an_objective_quick_trials_count() -> None:
    """Half of the range is worth nothing, but is quick: an estimator that sees the score alone leaves it."""
    space: Space = {"a": Uniform(low=0.0, high=1.0)}

    def told(seconds: bool) -> int:
        trials: list[TrialSoFar] = []
        for number in range(40):
            values = propose(space, TpeSearch(startup_trials=10), trials, seconds)
            assert values is not None
            slow = values["a"] > 0.5
            runs = (Outcome(3, "finished", values["a"] if slow else 0.0, 10.0 if slow else 1.0),)
            trials.append(TrialSoFar(number, values, runs, 3))
        return sum(one.values["a"] < 0.5 for one in trials[10:])

    assert told(seconds=True) > told(seconds=False)
