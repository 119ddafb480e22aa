import pytest
from pydantic import ValidationError

from pipeline.spec.study import DataSummary, Metric, StudyPlan


def plan_with(metric: Metric) -> StudyPlan:
    data = DataSummary(fingerprint="f", class_names=("a",), num_samples={"val": 1})
    return StudyPlan(study="s", metric=metric, seeds=(0,), design="both_ways", arms=(), comparisons=(), data=data)


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("top1", 0.9, "target 0.9 is read in points, as delta is: write 90 for a share of 0.9"),
        ("macro_f1", 101, "target 101 is above 100 points, which macro_f1 cannot reach"),
        ("nll", 0, "greater than 0"),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused(name: str, target: float, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Metric(name=name, target=target)


@pytest.mark.parametrize(("name", "target"), [("top1", 90.0), ("ece", 0.9), ("nll", 0.4), ("top1", None)])
def test_targets_are_in_points_or_in_the_units_of_the_metric(name: str, target: float | None) -> None:
    assert Metric(name=name, target=target).target == target


def test_the_target_is_part_of_the_promise() -> None:
    plan, other = plan_with(Metric()), plan_with(Metric(target=90))
    assert (plan.promise.target, other.promise.target) == (None, 90)
    assert plan.promise.model_copy(update={"target": 90.0}) == other.promise, "nothing else differs"
    assert plan.plan_hash != other.plan_hash
