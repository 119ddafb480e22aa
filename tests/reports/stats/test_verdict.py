from math import ceil

import pytest
from statsmodels.stats.power import TTestPower

from reports.scale import scale_of
from reports.stats.estimate import Estimate, Method
from reports.stats.power import seeds_needed, smallest_effect
from reports.stats.verdict import (
    Evidence,
    Explored,
    Ruling,
    Verdict,
    confounded,
    identical_runs,
    no_effect,
    not_assessed,
    rule,
    rule_exploratory,
    same_specification,
    skipped_arm,
    unstable,
)

POINTS = scale_of("top1", 0.1)


def paired_df(num_seeds: int) -> float:
    return num_seeds - 1


def judged(effect: float, se: float, p_holm: float, *, delta: float = 0.1, df: float = 10, n: int = 5) -> Ruling:
    gain = Estimate(Method.POOLED, effect, se, df, n)
    return rule(Evidence(gain, p_holm, 8, delta, paired_df), POINTS)


@pytest.mark.parametrize(
    ("effect", "se", "p_holm", "verdict", "sentence"),
    [  # t(.975, 10) = 2.2281
        (0.42, 0.0763, 0.01, Verdict.HELPS, "helps: +0.42 pt [0.25, 0.59], above the 0.1 pt threshold"),
        (-0.42, 0.0763, 0.01, Verdict.HURTS, "hurts: -0.42 pt [-0.59, -0.25], beyond the 0.1 pt threshold"),
        (0.25, 0.08, 0.01, Verdict.HELPS_SIZE_UNCERTAIN, "helps, size uncertain: may be below 0.1 pt"),
        (-0.25, 0.08, 0.01, Verdict.HURTS_SIZE_UNCERTAIN, "hurts, size uncertain: may be below 0.1 pt"),
        (0.42, 0.0763, 0.08, Verdict.SUGGESTIVE, "suggestive; does not survive correction for 8 comparisons"),
        (0.01, 0.02, 0.90, Verdict.NO_MEANINGFUL_DIFFERENCE, "no meaningful difference: within ±0.1 pt"),
        (
            0.05,
            0.01,
            0.001,
            Verdict.NO_MEANINGFUL_DIFFERENCE,
            "no meaningful difference: within ±0.1 pt (real but negligible)",
        ),
        (
            0.06,
            0.031,
            0.9,
            Verdict.NO_EVIDENCE,
            "no evidence of an effect; study could have detected 0.1 pt",
        ),
    ],
)
def test_each_case_has_its_sentence(effect: float, se: float, p_holm: float, verdict: Verdict, sentence: str) -> None:
    assert judged(effect, se, p_holm) == Ruling(verdict, sentence)


def test_too_noisy_says_what_could_be_seen_and_how_many_more_seeds() -> None:
    """The worked example of the specification: sd .18 and 3 seeds could see .59; .3 needs about 3 more."""
    ruling = judged(0.1, 0.18 / 3**0.5, 0.9, delta=0.3, df=2, n=3)
    assert smallest_effect(0.18, 3, 2) == pytest.approx(0.59, abs=0.005)
    assert seeds_needed(0.3, 0.18, paired_df) == 6
    start = "too noisy: sd 0.18, 3 seeds could only detect ≥ 0.59 pt; about 3 more seeds for 0.3 pt"
    assert ruling.verdict is Verdict.TOO_NOISY
    assert ruling.sentence.startswith(start)
    # The ends of the range by another program: the seeds that the limits of the sd (.52 and 6.29 times) would need.
    fewest, most = (ceil(TTestPower().solve_power(0.3 / (0.18 * m), power=0.8, alpha=0.05)) for m in (0.5207, 6.2847))
    assert ruling.sentence.endswith(f"({fewest - 3} to {most - 3})")


def test_where_lower_is_better_a_gain_is_shown_as_the_fall_that_was_measured() -> None:
    scale = scale_of("nll", 0.01)
    gain = Estimate(Method.POOLED, scale.gain(-0.05), 0.004, 10, 5)
    ruling = rule(Evidence(gain, 0.001, 8, 0.01, paired_df), scale)
    assert ruling == Ruling(Verdict.HELPS, "helps: -0.050 [-0.059, -0.041], beyond the 0.01 threshold")


def test_no_verdict_claims_no_effect_from_a_large_p_value() -> None:
    for se in (0.001, 0.03, 0.05, 0.3):
        assert "no effect" not in judged(0.0, se, 1.0).sentence


def test_findings_that_are_not_estimates() -> None:
    assert unstable(2, 5) == Ruling(Verdict.UNSTABLE, "unstable (2/5 failed)")
    assert not_assessed("one seed").sentence == "not assessed (one seed)"
    assert identical_runs().sentence == "identical runs: check that seeds are applied"
    assert skipped_arm("full", "a clashes with b").sentence == "not assessed: arm full skipped (a clashes with b)"
    assert skipped_arm("full", "a clashes with b").verdict is Verdict.NOT_ASSESSED


def test_no_effect_is_a_verdict_of_its_own_that_says_what_to_check() -> None:
    assert no_effect(3) == Ruling(
        Verdict.NO_EFFECT,
        "NO EFFECT: the factor changed nothing: the two arms trained bit for bit alike in 3 of 3 seeds; check that it "
        "is switched on, and its strength",
    )
    resolved_alike = same_specification()
    assert resolved_alike.verdict is Verdict.NO_EFFECT
    assert resolved_alike.sentence.startswith("NO EFFECT: ") and "same specification" in resolved_alike.sentence
    assert not Verdict.NO_EFFECT.helps and not Verdict.NO_EFFECT.hurts


def test_groups_of_verdicts() -> None:
    assert [v for v in Verdict if v.helps] == [Verdict.HELPS, Verdict.HELPS_SIZE_UNCERTAIN]
    assert [v for v in Verdict if v.hurts] == [Verdict.HURTS, Verdict.HURTS_SIZE_UNCERTAIN]


WORDS = Explored("more together", "less together")


@pytest.mark.parametrize(
    ("effect", "se", "q", "verdict", "sentence"),
    [  # t(.975, 10) = 2.2281
        (0.42, 0.0763, 0.09, Verdict.EXPLORATORY, "more together: +0.42 pt [0.25, 0.59]; confirm it with new seeds"),
        (-0.42, 0.0763, 0.01, Verdict.EXPLORATORY, "less together: -0.42 pt [-0.59, -0.25]; confirm it with new seeds"),
        (0.42, 0.0763, 0.11, Verdict.SUGGESTIVE, "suggestive; does not survive correction for 8 exploratory "
         "comparisons"),
        (0.01, 0.02, 0.90, Verdict.NO_MEANINGFUL_DIFFERENCE, "no meaningful difference: within ±0.1 pt"),
        (0.06, 0.031, 0.9, Verdict.NO_EVIDENCE, "no evidence of a difference; study could have detected 0.1 pt"),
    ],
)  # fmt: skip
def test_exploratory_cases_say_so_and_advise_nothing(
    effect: float, se: float, q: float, verdict: Verdict, sentence: str
) -> None:
    evidence = Evidence(Estimate(Method.POOLED, effect, se, 10, 5), q, 8, 0.1, paired_df)
    ruling = rule_exploratory(evidence, POINTS, WORDS)
    assert ruling == Ruling(verdict, f"exploratory: {sentence}")
    assert not ruling.verdict.helps and not ruling.verdict.hurts


def test_an_exploratory_effect_in_noise_is_too_noisy() -> None:
    evidence = Evidence(Estimate(Method.POOLED, 0.1, 0.1, 10, 5), 0.9, 8, 0.1, paired_df)
    assert rule_exploratory(evidence, POINTS, WORDS).sentence.startswith("exploratory: too noisy: sd 0.22, 5 seeds")


def test_a_lower_alpha_widens_the_interval_and_asks_more_of_the_p_value() -> None:
    gain = Estimate(Method.POOLED, 0.42, 0.0763, 10, 5)
    assert rule(Evidence(gain, 0.03, 8, 0.1, paired_df), POINTS).verdict is Verdict.HELPS
    strict = rule(Evidence(gain, 0.03, 8, 0.1, paired_df, alpha=0.019), POINTS)
    assert strict.verdict is Verdict.SUGGESTIVE
    ruling = rule(Evidence(gain, 0.001, 8, 0.1, paired_df, alpha=0.019), POINTS)
    low, high = gain.interval(0.981).low, gain.interval(0.981).high
    assert ruling.sentence == f"helps: +0.42 pt [{low:.2f}, {high:.2f}], above the 0.1 pt threshold"
    assert high - low > 2 * 2.2281 * 0.0763
    small = Estimate(Method.POOLED, 0.05, 0.01, 10, 5)
    assert "within" in rule(Evidence(small, 0.5, 8, 0.1, paired_df, alpha=0.001), POINTS).sentence, "TOST keeps its 90%"


def test_what_is_confounded_names_what_it_is_mixed_with() -> None:
    ruling = confounded(("b x c", "d x e"))
    assert ruling == Ruling(Verdict.CONFOUNDED, "confounded with b x c, d x e")
    assert not ruling.verdict.helps and not ruling.verdict.hurts


def test_more_seeds_than_anybody_counts_are_over_and_not_about() -> None:
    assert "; over 1000 more seeds for 0.1 pt" in judged(0.1, 6.0 / 3**0.5, 0.9, delta=0.1, df=2, n=3).sentence


def test_one_more_seed_is_one() -> None:
    """R14's d_z of 1.682 needs 5 seeds by the paired t."""
    ruling = judged(0.9, 1 / 1.69 / 2, 0.9, delta=1.0, df=3, n=4)
    assert seeds_needed(1.0, 1 / 1.69, paired_df) == 5
    assert "; about 1 more seed for 1 pt (" in ruling.sentence
