import pytest

from reports.scale import scale_of


def test_accuracy_is_shown_in_points() -> None:
    scale = scale_of("top1", 0.5)
    assert scale.shown(0.7125) == pytest.approx(71.25)
    assert scale.difference(0.4249) == "+0.42 pt"
    assert scale.size(0.5) == "0.5 pt"
    assert scale.value(71.251) == "71.25"


def test_likelihood_keeps_its_unit_and_a_fall_is_a_gain() -> None:
    scale = scale_of("nll", 0.01)
    assert scale.shown(1.25) == 1.25
    assert scale.difference(-0.05) == "-0.050"
    assert scale.gain(-0.05) == 0.05
    assert scale_of("top1").gain(-0.05) == -0.05


@pytest.mark.parametrize(("delta", "digits"), [(0.5, 2), (0.1, 2), (0.05, 3), (0.001, 4)])
def test_a_small_threshold_asks_for_more_digits(delta: float, digits: int) -> None:
    assert scale_of("top1", delta).digits == digits
