"""Effects under other conditions: which differ, which only read differently, and how that is said."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from pipeline.spec.base import content_hash
from pipeline.spec.study import Condition
from reports.analysis.study import analyse
from reports.formats.text import sentence_lines, to_json, to_markdown
from reports.page.html import render
from reports.records.load import StudyData, load_study
from reports.results.conditions import Change, EffectThere, UnderConditions
from reports.stats.multiplicity import benjamini_hochberg
from reports.stats.verdict import Verdict
from tests.reports.fixtures import Options, write_home, write_plan

Gains = Callable[[tuple[str, ...]], float]
HALF = Condition(name="data=half", study="clothing-tricks.data-half", changes={"budget": {"epochs": 24}})
SHORT = Condition(name="budget=short", study="clothing-tricks.budget-short", changes={"budget": {"epochs": 4}})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_home(folder, Options(pictures=False, fail=(), noise_pt=0.15))
    return folder


@pytest.fixture(scope="module")
def alone(home: Path) -> StudyData:
    return load_study(home, "clothing-tricks")


def under(study: StudyData, condition: Condition, gains: Gains, luck: float = 0.15, salt: int = 5) -> StudyData:
    """The study under a condition: other runs, whose arms gain these points more than they do in the study itself."""
    rng, records = np.random.default_rng(salt), {}
    arms = []
    for arm in study.plan.arms:
        key = content_hash([condition.name, arm.final.stage_hash])
        final = arm.final.model_copy(update={"stage_hash": key})
        arms.append(arm.model_copy(update={"stages": (*arm.stages[:-1], final)}))
        for seed in study.plan.seeds:
            record = study.records[arm.final.stage_hash, seed]
            top1 = record.metrics["val/top1"] + (gains(arm.factors) + rng.normal(0, luck)) / 100
            metrics = record.metrics | {"val/top1": top1}
            records[key, seed] = record.model_copy(update={"stage_hash": key, "metrics": metrics})
    plan = study.plan.model_copy(update={"study": condition.study, "arms": tuple(arms)})
    return replace(study, plan=plan, records=records)


def asked_under(study: StudyData, *others: StudyData, conditions: tuple[Condition, ...] = (HALF,)) -> StudyData:
    plan = study.plan.model_copy(update={"conditions": conditions})
    return replace(study, plan=plan, conditions={other.plan.study: other for other in others})


def found_in(study: StudyData) -> UnderConditions:
    found = analyse(study).under_conditions
    assert found is not None
    return found


def there(found: UnderConditions, factor: str, condition: str = "data=half") -> EffectThere:
    effect = next(e for e in found.effects if e.factor == factor and e.context == "added to bare")
    return next(one for one in effect.there if one.condition == condition)


def no_gain(factors: tuple[str, ...]) -> float:
    return 0.0


def turned(factors: tuple[str, ...]) -> float:
    """Cosine, worth three points in the study itself, costs three; distill is worth as much as before."""
    return -6.2 if "cosine" in factors else 0.0


def test_a_study_without_conditions_has_no_such_section(alone: StudyData) -> None:
    assert analyse(alone).under_conditions is None
    assert "Does the verdict hold?" not in render(alone) + to_markdown(analyse(alone))


def test_a_difference_is_welchs_t_on_the_effects_of_both_studies(alone: StudyData) -> None:
    # Two factors only, so that each effect is judged by the paired t over its own seeds, as scipy would.
    few = tuple(c for c in alone.plan.comparisons if c.factor in ("cosine", "mixup") and c.context == "added to bare")
    study = replace(alone, plan=alone.plan.model_copy(update={"comparisons": few}))
    other = under(study, HALF, no_gain, luck=0.4)
    found = there(found_in(asked_under(study, other)), "cosine")

    def differences(data: StudyData) -> list[float]:
        keys = [data.plan.arm(name).final.stage_hash for name in ("+cosine", "bare")]
        tops = [[100 * data.records[key, seed].metrics["val/top1"] for seed in data.plan.seeds] for key in keys]
        return list(np.subtract(tops[0], tops[1]))

    welch: Any = stats.ttest_ind(differences(other), differences(study), equal_var=False)
    assert found.p == pytest.approx(welch.pvalue) and found.df == pytest.approx(welch.df)
    limits = welch.confidence_interval(0.95)
    assert found.difference_ci95 is not None
    assert (found.difference_ci95.low, found.difference_ci95.high) == pytest.approx((limits.low, limits.high))
    assert found.difference == pytest.approx(np.mean(differences(other)) - np.mean(differences(study)))


def test_a_verdict_that_turns_round_reverses_and_another_one_does_not(alone: StudyData) -> None:
    found = found_in(asked_under(alone, under(alone, HALF, turned)))
    cosine, distill = there(found, "cosine"), there(found, "distill")
    assert cosine.change is Change.REVERSES and cosine.q is not None and cosine.q < 0.10
    assert cosine.sentence == "reverses: worse with it there, better with it in the study itself"
    assert cosine.effect is not None and cosine.effect.verdict.hurts
    assert distill.change in (Change.NO_EVIDENCE, Change.HOLDS)
    assert re.match(r"\d verdicts? flips?: \d of 10 differences to the study itself stands? out", found.sentence)
    assert "cosine, added to bare under data=half reverses: worse" in found.sentence


def test_a_gain_that_is_gone_flips_and_one_that_is_larger_differs_in_size(alone: StudyData) -> None:
    def gains(factors: tuple[str, ...]) -> float:
        return (-3.2 if factors == ("cosine",) else 0.0) + (2.5 if factors == ("distill",) else 0.0)

    found = found_in(asked_under(alone, under(alone, HALF, gains)))
    cosine, distill = there(found, "cosine"), there(found, "distill")
    assert cosine.change is Change.FLIPS and cosine.effect is not None
    assert cosine.sentence == f"flips: worth less there: {cosine.effect.verdict}, but helps in the study itself"
    assert (distill.change, distill.sentence) == (Change.DIFFERS, "differs in size: worth more there")
    assert found.sentence.startswith("1 verdict flips: 2 of 10 differences")


def test_what_is_worth_more_there_is_not_called_a_flip_for_its_noise(alone: StudyData) -> None:
    # The bare runs of this luck are poor, so that all seems worth more; what is added to them is more doubtful too.
    found = there(found_in(asked_under(alone, under(alone, HALF, no_gain, luck=1.5, salt=8))), "mixup")
    assert found.effect is not None and found.effect.verdict is Verdict.SUGGESTIVE
    assert (found.change, found.sentence) == (Change.DIFFERS, "differs in size: worth more there")


def test_another_verdict_alone_is_no_evidence(alone: StudyData) -> None:
    found = found_in(asked_under(alone, under(alone, HALF, no_gain, luck=4.0)))
    cosine = there(found, "cosine")
    assert cosine.effect is not None and cosine.effect.verdict in (Verdict.SUGGESTIVE, Verdict.TOO_NOISY)
    assert cosine.change is Change.NO_EVIDENCE and cosine.detectable is not None
    assert cosine.sentence == (
        f"another verdict, but no evidence that it differs: could only detect ≥ {cosine.detectable:.2f} pt"
    )
    assert found.sentence.startswith("No verdict is shown to flip: 0 of 10 differences")
    assert "without evidence that the effect differs: by itself that says nothing." in found.sentence


def test_an_effect_that_is_the_same_within_delta_holds(alone: StudyData) -> None:
    metric = alone.plan.metric.model_copy(update={"delta": 3.0})
    wide = replace(alone, plan=alone.plan.model_copy(update={"metric": metric}))
    found = found_in(asked_under(wide, under(wide, HALF, no_gain)))
    assert there(found, "cosine").change is Change.HOLDS
    assert there(found, "cosine").sentence == "holds: the same within ±3 pt"


def test_all_differences_are_one_family_those_without_a_result_too(alone: StudyData) -> None:
    both = found_in(asked_under(alone, under(alone, HALF, turned), conditions=(HALF, SHORT)))
    every = [one for effect in both.effects for one in effect.there]
    assert len(every) == 20 and both.num_compared == 10
    tested = [(i, one.p, one.q) for i, one in enumerate(every) if one.p is not None]
    expected = benjamini_hochberg(np.array([1.0 if one.p is None else one.p for one in every]))
    assert [q for _, _, q in tested] == pytest.approx([expected[i] for i, _, _ in tested])
    short = there(both, "cosine", "budget=short")
    assert (short.change, short.sentence) == (Change.NOT_ASSESSED, "not assessed (not run yet)")
    assert both.sentence.endswith("10 not assessed.") and both.conditions[1].num_planned == 0


def test_the_studys_own_family_is_untouched(alone: StudyData) -> None:
    own, asked = analyse(alone), analyse(asked_under(alone, under(alone, HALF, turned)))
    assert asked.effects == own.effects and asked.num_comparisons == own.num_comparisons
    assert asked.recipe_to_keep == own.recipe_to_keep


def test_a_lower_metric_is_worth_more_where_it_falls_further(alone: StudyData) -> None:
    metric = alone.plan.metric.model_copy(update={"name": "nll", "delta": 0.001})
    study = replace(alone, plan=alone.plan.model_copy(update={"metric": metric}))
    other = under(study, HALF, no_gain)
    key = other.plan.arm("+cosine").final.stage_hash
    for seed in study.plan.seeds:
        record = other.records[key, seed]
        metrics = record.metrics | {"val/nll": record.metrics["val/nll"] - 1}
        other.records[key, seed] = record.model_copy(update={"metrics": metrics})
    found = there(found_in(asked_under(study, other)), "cosine")
    assert found.difference is not None and found.difference < 0
    assert "worth more there" in found.sentence


@pytest.mark.parametrize("left", [1, 0])
def test_too_few_seeds_there_are_no_result(alone: StudyData, left: int) -> None:
    other = under(alone, HALF, no_gain)
    other = replace(other, records={run: r for run, r in other.records.items() if run[1] < left})
    found = there(found_in(asked_under(alone, other)), "cosine")
    assert found.change is Change.NOT_ASSESSED
    assert found.sentence == f"not assessed ({left} of 3 seeds there)"


def test_every_format_says_it(alone: StudyData) -> None:
    study = asked_under(alone, under(alone, HALF, turned), conditions=(HALF, SHORT))
    analysis = analyse(study)
    page, text = render(study), to_markdown(analysis)
    for answer in (page, text):
        assert "Does the verdict hold?" in answer and "data=half" in answer and "not run yet" in answer
        assert "reverses: worse with it there, better with it in the study itself" in answer
        assert "no evidence that it works differently" in answer
    assert page.count('class="forest"') >= 10, "each effect has its own"
    lines = sentence_lines(analysis)
    assert lines[-1].startswith("Does the verdict hold? ")
    assert any(line.startswith("cosine, added to bare under data=half: -") for line in lines)
    found = json.loads(to_json(analysis))["under_conditions"]
    assert found["conditions"][0]["study"] == HALF.study
    assert found["effects"][0]["there"][0]["change"] == "reverses"


def test_a_home_gives_the_conditions_that_it_has(home: Path, alone: StudyData) -> None:
    write_plan(home, alone.plan.model_copy(update={"conditions": (HALF, SHORT)}))
    folder = home / "studies" / HALF.study
    folder.mkdir()
    write_plan(home, alone.plan.model_copy(update={"study": HALF.study}))
    found = load_study(home, "clothing-tricks")
    assert list(found.conditions) == [HALF.study]
    assert found.conditions[HALF.study].records == alone.records
    write_plan(home, alone.plan)
