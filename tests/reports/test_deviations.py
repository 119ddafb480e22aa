"""Every way in which a study may differ from its promise, each with its line; and none where it does not."""

from pathlib import Path

import pytest

from pipeline.spec.base import content_hash
from pipeline.spec.more_seeds import Looks, MoreSeeds, NoMoreSeeds, Precision
from pipeline.spec.promise import PlanEntry
from pipeline.spec.records import RunRecord
from pipeline.spec.study import Metric, StudyPlan
from reports.analysis.plan_changes import changes, names_text, rule_text
from reports.analysis.study import analyse
from reports.formats.text import to_json, to_markdown
from reports.page.html import render
from reports.records.load import load_study
from reports.results.plan import AsPlanned
from tests.reports.fixtures import ENVIRONMENT, Options, make_plan, write_home, write_plan

NO_FAILURE = Options(fail=(), pictures=False)
BEFORE, AFTER = "2026-11-21T10:00:00Z", "2026-11-23T10:00:00Z"


def diary(home: Path, *plans: tuple[StudyPlan, int], code: str = ENVIRONMENT.code_version) -> None:
    """Plans that the study was run with, and how many comparisons had a result at each time."""
    entries = [
        PlanEntry(
            plan_hash=plan.plan_hash,
            promise=plan.promise,
            seeds=plan.seeds,
            started_at=BEFORE if number == 0 else AFTER,
            code_version=code,
            num_results=num_results,
        )
        for number, (plan, num_results) in enumerate(plans)
    ]
    path = home / "studies" / plans[0][0].study / "plans.jsonl"
    path.write_text("".join(entry.model_dump_json() + "\n" for entry in entries))


def judged(home: Path) -> AsPlanned:
    return analyse(load_study(home, "clothing-tricks")).as_planned


def found(home: Path) -> dict[str, str]:
    """What -> text; each kind once."""
    deviations = judged(home).deviations
    assert len({d.what for d in deviations}) == len(deviations), deviations
    return {deviation.what: deviation.text for deviation in deviations}


def with_seeds(plan: StudyPlan, seeds: tuple[int, ...], rule: MoreSeeds, alpha: float = 0.05) -> StudyPlan:
    """The plan with the first three of these from the grid, the rest added."""
    return plan.model_copy(update={"seeds": seeds, "first_seeds": (0, 1, 2), "more_seeds": rule, "alpha": alpha})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def test_a_study_that_did_what_it_promised_is_as_planned_everywhere(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    diary(home, (plan, 0))
    assert found(home) == {}
    study = load_study(home, plan.study)
    analysis = analyse(study)
    sentence = analysis.as_planned.sentence
    assert sentence.startswith("As planned: metric, delta, family") and BEFORE in sentence
    assert (analysis.as_planned.short, analysis.as_planned.promised_at) == ("as planned", BEFORE)
    assert sentence in render(study) and sentence in to_markdown(analysis)
    assert '"deviations": []' in to_json(analysis)


def test_deviations_are_in_the_report_in_markdown_and_in_json(home: Path) -> None:
    plan = write_home(home)  # one run failed
    diary(home, (plan.model_copy(update={"metric": Metric(name="top5", delta=0.5)}), 0))
    texts = found(home)
    assert texts.keys() == {"metric", "failed runs"}
    assert texts["failed runs"] == "1 of 45 runs failed; they count as outcomes: -smoothing seed 2"
    study = load_study(home, plan.study)
    analysis = analyse(study)
    assert analysis.as_planned.short == "2 deviations: metric, failed runs"
    for text in texts.values():
        assert text in render(study) and text in to_json(analysis)
        assert f": {text}" in to_markdown(analysis)
    assert "As planned:" not in render(study)


def test_a_study_of_an_older_version_cannot_be_compared_and_says_so(home: Path) -> None:
    write_home(home, NO_FAILURE)
    assert found(home).keys() == {"promise"}
    assert "no plan was kept before the runs" in found(home)["promise"]
    assert judged(home).promised_at is None


def test_what_judges_is_compared(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    old = plan.model_copy(
        update={
            "metric": Metric(name="nll", delta=0.1),
            "design": "add_one_in",
            "more_seeds": Looks(at=(3, 5, 10)),
            "alpha": 0.019,
        }
    )
    diary(home, (old, 0))
    assert found(home) == {
        "metric": "nll was to decide, now top1 does",
        "delta": "delta was 0.1, now it is 0.5",
        "rule for more seeds": "the rule for more seeds was looks at 3, 5 and 10 seeds, now it is none",
        "level": "verdicts were to be judged at 0.019, now they are at 0.05",
        "design": "the design was add_one_in, now it is both_ways",
    }


def test_factors_that_came_and_went_are_named_with_the_size_of_the_family(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    gone, new = plan.comparisons[0], plan.comparisons[1].model_copy(update={"factor": "mosaic"})
    old = plan.model_copy(
        update={
            "comparisons": (new, *plan.comparisons[2:]),
            "arms": tuple(arm for arm in plan.arms if arm.name != "+cosine"),
        }
    )
    texts = [(d.what, d.text) for d in changes(old.promise, plan.promise)]
    assert texts == [
        ("comparisons", f"added: {gone.factor} added to bare, {plan.comparisons[1].factor} removed from full"),
        ("comparisons", "dropped: mosaic removed from full"),
        ("comparisons", "the size of the family was 9, now it is 10"),
        ("arms", "added: +cosine"),
    ]
    back = [d.text for d in changes(plan.promise, old.promise)]
    assert "dropped: +cosine" in back and "the size of the family was 10, now it is 9" in back


def test_a_comparison_of_other_arms_or_outside_the_family_is_another_one() -> None:
    plan = make_plan(NO_FAILURE)
    first = plan.comparisons[0]
    for update in ({"reference": "full"}, {"exploratory": True}, {"control": True}):
        other = plan.model_copy(update={"comparisons": (first.model_copy(update=update), *plan.comparisons[1:])})
        texts = [d.text for d in changes(plan.promise, other.promise)]
        assert texts[0] == "defined in another way: cosine added to bare"
        assert plan.plan_hash != other.plan_hash
    note = plan.model_copy(update={"comparisons": (first.model_copy(update={"note": "n"}), *plan.comparisons[1:])})
    assert changes(plan.promise, note.promise) == () and note.plan_hash == plan.plan_hash


def test_a_recipe_that_changed_under_its_name_is_named() -> None:
    plan = make_plan(NO_FAILURE)
    bare = plan.arms[0]
    final = bare.final.model_copy(update={"stage_hash": content_hash("another learning rate")})
    arms = (bare.model_copy(update={"stages": (final,)}), *plan.arms[1:])
    other = plan.model_copy(update={"arms": arms})
    assert [d.text for d in changes(plan.promise, other.promise)] == ["changed in their recipes: bare"]


def test_other_data_is_one_line_and_not_one_for_every_arm(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    data = plan.data.model_copy(update={"fingerprint": "77" * 32, "num_samples": {"train": 9, "val": 5, "test": 0}})
    arms = tuple(
        arm.model_copy(update={"stages": (arm.final.model_copy(update={"stage_hash": content_hash(arm.name)}),)})
        for arm in plan.arms
    )
    (only,) = changes(plan.promise, plan.model_copy(update={"data": data, "arms": arms}).promise)
    assert (
        only.what == "data" and "2147 train" in only.text and "now 777777777777 (9 train, 5 val, 0 test)" in only.text
    )


def test_arms_left_out_since_are_named(home: Path) -> None:
    plan = make_plan(NO_FAILURE)
    later = plan.promise.model_copy(update={"excluded": ("full",)})
    assert [d.text for d in changes(plan.promise, later)] == ["left out because they cannot be run: full"]


def test_seeds_added_after_results_are_optional_stopping(home: Path) -> None:
    plan = write_home(home, Options(seeds=(0, 1, 2, 3, 4), fail=(), pictures=False))
    three = plan.model_copy(update={"seeds": (0, 1, 2)})
    diary(home, (three, 0), (plan, 12))
    text = found(home)["seeds"]
    assert text.startswith(f"seeds 3, 4 added on {AFTER} without a declared rule, when 12 comparisons had results.")
    assert "optional stopping" in text and "16.8%" in text and "from 3 to 5: 10.2%" in text


def test_seeds_added_before_any_result_are_a_new_promise(home: Path) -> None:
    plan = write_home(home, Options(seeds=(0, 1, 2, 3, 4), fail=(), pictures=False))
    three = plan.model_copy(update={"seeds": (0, 1, 2)})
    diary(home, (three, 0), (plan, 0))
    assert found(home) == {} and judged(home).promised_at == AFTER and judged(home).num_plans == 2


def test_seeds_that_were_taken_away_are_named(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    five = plan.model_copy(update={"seeds": (0, 1, 2, 3, 4)})
    diary(home, (five, 0), (plan, 12))
    assert found(home) == {"seeds": "seeds 3, 4 of the promised 5 removed; none that was seen may be left out"}


@pytest.mark.parametrize(
    ("rule", "num_seeds", "allowed"),
    [
        (Looks(at=(3, 5, 10)), 3, True),
        (Looks(at=(3, 5, 10)), 5, True),
        (Looks(at=(3, 5, 10)), 4, False),
        (Looks(at=(3, 5, 10)), 12, False),
        (Precision(half_width=0.3, max_seeds=8), 7, True),
        (Precision(half_width=0.3, max_seeds=8), 9, False),
        (NoMoreSeeds(), 4, False),
    ],
)
def test_only_what_the_rule_may_add_is_no_deviation(home: Path, rule: MoreSeeds, num_seeds: int, allowed: bool) -> None:
    plan = write_home(home, Options(seeds=tuple(range(num_seeds)), fail=(), pictures=False))
    plan = write_plan(home, with_seeds(plan, plan.seeds, rule))
    diary(home, (with_seeds(plan, (0, 1, 2), rule), 0), (plan, 12))
    assert found(home).keys() == (set() if allowed else {"seeds"})
    if not allowed and not isinstance(rule, NoMoreSeeds):
        assert f"outside the declared {rule_text(rule)}" in found(home)["seeds"]


def test_seeds_that_the_grid_itself_lists_are_no_ones_rule(home: Path) -> None:
    """Looks were declared for 0, 1, 2; a grid that now lists five seeds is edited, even if 5 is one of the looks."""
    plan = write_home(home, Options(seeds=(0, 1, 2, 3, 4), fail=(), pictures=False))
    rule = Looks(at=(3, 5, 10))
    edited = plan.model_copy(update={"first_seeds": plan.seeds, "more_seeds": rule})
    write_plan(home, edited)
    diary(home, (with_seeds(plan, (0, 1, 2), rule), 0), (edited, 12))
    assert found(home).keys() == {"seeds"}


def test_a_rule_declared_after_results_is_allowed_and_listed(home: Path) -> None:
    plan = write_home(home, Options(seeds=(0, 1, 2, 3, 4), fail=(), pictures=False))
    late = write_plan(home, with_seeds(plan, plan.seeds, Looks(at=(3, 5)), 0.028))
    diary(home, (with_seeds(plan, (0, 1, 2), NoMoreSeeds()), 0), (late, 12))
    assert found(home).keys() == {"rule for more seeds", "level", "seeds"}
    assert found(home)["rule for more seeds"].endswith("was none, now it is looks at 3 and 5 seeds")


def test_the_state_of_a_rule_is_told(home: Path) -> None:
    plan = make_plan(NO_FAILURE)
    looks = Looks(at=(3, 5, 10))
    write_home(home, NO_FAILURE)
    for seeds, words in (((0, 1, 2), "this is look 1 of 3"), ((0, 1, 2, 3, 4), "this is look 2 of 3")):
        write_plan(home, with_seeds(plan, seeds, looks, 0.019))
        assert words in judged(home).seed_rule and "judged at 0.019 instead of 0.05" in judged(home).seed_rule
        assert judged(home).seed_rule in to_markdown(analyse(load_study(home, plan.study)))
    rule = Precision(half_width=0.3, max_seeds=4)
    write_plan(home, with_seeds(plan, (0, 1, 2), rule))
    assert "3 seeds came first, none has been added yet" in judged(home).seed_rule
    write_plan(home, with_seeds(plan, (0, 1, 2, 3), rule))
    assert "1 was added, up to the cap; spread and degrees of freedom stay" in judged(home).seed_rule


def test_a_promise_that_came_after_results_is_none(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    diary(home, (plan, 1), (plan.model_copy(update={"seeds": (0, 1)}), 4))
    assert judged(home).promised_at == BEFORE, "the first, where none was written in time"
    assert found(home)["promise"].startswith("1 comparison had a result already when this plan was first kept")


def rewrite(home: Path, **updates: object) -> None:
    """Change the first record."""
    path = home / "records.jsonl"
    first, *rest = path.read_text().splitlines()
    record = RunRecord.model_validate_json(first).model_copy(update=updates)
    path.write_text("\n".join([record.model_dump_json(), *rest]) + "\n")


def test_mixed_code_and_data_are_deviations(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    diary(home, (plan, 0))
    other = ENVIRONMENT.model_copy(update={"code_version": "0.2.0"})
    rewrite(home, environment=other, data_fingerprint="11" * 32)
    assert found(home) == {
        "code": "runs of 2 code versions are mixed: 0.1.0, 0.2.0",
        "data": "some runs are of other data than the plan: fingerprint 111111111111",
    }


def test_code_that_changed_between_plan_and_runs_is_a_deviation(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    diary(home, (plan, 0), code="0.0.9")
    assert found(home) == {"code": "planned with code 0.0.9, trained with 0.1.0"}


def test_an_unfinished_study_lists_what_is_missing_with_unequal_seeds(home: Path) -> None:
    plan = write_home(home, NO_FAILURE)
    diary(home, (plan, 0))
    path = home / "records.jsonl"
    lines = path.read_text().splitlines()
    gone = (plan.arm("+mixup").final.stage_hash, 2)
    kept = [line for line in lines if (r := RunRecord.model_validate_json(line)) and (r.stage_hash, r.seed) != gone]
    path.write_text("\n".join(kept) + "\n")
    text = "1 of 45 runs did not run; finished seeds are unequal: +mixup 2 of 3"
    assert found(home) == {"missing runs": text}


@pytest.mark.parametrize("declared", [True, False])
def test_arms_that_stopped_early_are_told_apart_by_whether_their_recipe_says_so(home: Path, declared: bool) -> None:
    plan = write_home(home, NO_FAILURE)
    strategies = [{"kind": "early_stopping"}] if declared else []
    arm = plan.arms[0]
    final = arm.final.model_copy(update={"spec": arm.final.spec | {"strategies": strategies}})
    plan = write_plan(
        home, plan.model_copy(update={"arms": (arm.model_copy(update={"stages": (final,)}), *plan.arms[1:])})
    )
    diary(home, (plan, 0))
    record = load_study(home, plan.study).records[final.stage_hash, 0]
    assert record.cost is not None
    rewrite(home, cost=record.cost.model_copy(update={"num_epochs": 9}))
    rule = "by its own rule" if declared else "although its recipe has no such rule"
    text = f"bare stopped early {rule} in 1 of 3 runs: 9 of 12 epochs"
    assert judged(home).notes == ((text,) if declared else ())
    assert found(home) == ({} if declared else {"stopped early": text})


def test_long_lists_are_cut_and_counted() -> None:
    assert names_text([str(number) for number in range(12)]) == "0, 1, 2, 3, 4, 5, 6, 7 and 4 more"
