"""Who goes on to a longer run, by hand."""

import pytest

from ablations.tuning.history import Outcome, TrialSoFar, winner
from ablations.tuning.rungs import Promotion, next_promotion, rung_epochs
from pipeline.spec.tuning import Asha, Median, NoScheduler

ASHA = Asha(first_epochs=1, eta=3)


def trial(number: int, *scores: float | None, epochs: tuple[int, ...] = (1, 3, 9)) -> TrialSoFar:
    """Runs of 1, 3 and 9 epochs with these scores; None: it failed."""
    runs = tuple(
        Outcome(e, "failed") if score is None else Outcome(e, "finished", score, 1.0)
        for e, score in zip(epochs, scores, strict=False)
    )
    return TrialSoFar(number, {"n": number}, runs, 9)


@pytest.mark.parametrize(
    ("scheduler", "full", "expected"),
    [
        (NoScheduler(), 9, (9,)),
        (ASHA, 9, (1, 3, 9)),
        (ASHA, 10, (1, 3, 9, 10)),
        (Asha(first_epochs=2, eta=2), 16, (2, 4, 8, 16)),
        (Median(first_epochs=2), 10, (2, 10)),
    ],
)
def test_rungs_grow_by_eta_up_to_the_whole_training(scheduler, full: int, expected: tuple[int, ...]) -> None:
    assert rung_epochs(scheduler, full) == expected


def test_asha_promotes_the_best_third_of_a_rung_one_by_one() -> None:
    trials = [trial(0, 0.3), trial(1, 0.5)]
    assert next_promotion(ASHA, trials, 9, no_more=False) is None, "a third of two is nobody"
    trials.append(trial(2, 0.4))
    assert next_promotion(ASHA, trials, 9, no_more=False) == Promotion(1, 3)
    trials[1] = trial(1, 0.5, 0.6)
    assert next_promotion(ASHA, trials, 9, no_more=False) is None, "it has gone on already"
    trials += [trial(3, 0.1), trial(4, 0.45), trial(5, 0.2)]
    assert next_promotion(ASHA, trials, 9, no_more=False) == Promotion(4, 3)


def test_asha_looks_at_the_highest_rung_first_and_counts_failures_as_ended() -> None:
    trials = [trial(n, 0.1 * n, 0.1 * n) for n in range(3)] + [trial(n, 0.1 * n) for n in range(3, 6)]
    assert next_promotion(ASHA, trials, 9, no_more=False) == Promotion(2, 9)
    assert next_promotion(ASHA, [trial(0, 0.5), trial(1, None), trial(2, None)], 9, no_more=False) == Promotion(0, 3)


def test_a_search_that_ends_early_still_trains_its_best_in_full() -> None:
    trials = [trial(0, 0.3), trial(1, 0.5)]
    assert next_promotion(ASHA, trials, 9, no_more=True) == Promotion(1, 3)
    trials[1] = trial(1, 0.5, 0.6)
    assert next_promotion(ASHA, trials, 9, no_more=True) == Promotion(1, 9)
    trials[1] = trial(1, 0.5, 0.6, 0.7)
    assert next_promotion(ASHA, trials, 9, no_more=True) is None
    assert next_promotion(ASHA, [trial(0, None)], 9, no_more=True) is None, "nobody has a score"


def test_the_median_rule_lets_the_better_half_go_on() -> None:
    rule, short = Median(first_epochs=1, after=3), (1, 9)
    trials = [trial(0, 0.3, epochs=short), trial(1, 0.5, epochs=short)]
    assert next_promotion(rule, trials, 9, no_more=False) is None
    trials.append(trial(2, 0.4, epochs=short))
    assert next_promotion(rule, trials, 9, no_more=False) == Promotion(1, 9)
    trials[1] = trial(1, 0.5, 0.9, epochs=short)
    assert next_promotion(rule, trials, 9, no_more=False) == Promotion(2, 9), "no worse than the median"
    trials[2] = trial(2, 0.4, 0.8, epochs=short)
    assert next_promotion(rule, trials, 9, no_more=False) is None


def test_the_winner_is_the_best_run_in_full_and_of_equals_the_first() -> None:
    trials = [trial(0, 0.9), trial(1, 0.1, 0.2, 0.5), trial(2, 0.1, 0.2, 0.6), trial(3, 0.1, 0.2, 0.6), trial(4, None)]
    best = winner(trials)
    assert best is not None and best.number == 2
    assert winner(trials[:1]) is None
