import numpy as np
import pytest

from reports.analysis.contrast import difference
from reports.analysis.estimates import estimate_all, fit_cells, make_contrast, make_family, score_matrix
from reports.scale import scale_of
from reports.stats.estimate import Method
from tests.reports.test_effects import BARE, BETTER, study_of

SCALE = scale_of("top1")


def test_pairs_hold_the_seeds_that_both_arms_finished() -> None:
    study = study_of({"bare": [0.90, None, 0.92, 0.93], "x": [0.91, 0.95, float("nan"), 0.95]})
    pair = make_contrast(study, difference("x", "bare"), SCALE)
    assert pair.seeds == (0, 3)
    assert pair.values == pytest.approx([1.0, 2.0])
    assert np.isnan(score_matrix(study, ["bare", "x"], SCALE)).tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]


def test_controls_lend_nothing_to_the_factors() -> None:
    scores = {"bare": BARE, "x": BETTER, "placebo": [0.1, 0.9, 0.5]}
    with_control = make_family(study_of(scores, controls=("placebo",)), SCALE)
    without = make_family(study_of({"bare": BARE, "x": BETTER}), SCALE)
    assert with_control.prior == without.prior
    assert with_control.cells.num_cells == without.cells.num_cells == 2


def test_a_control_is_still_estimated_by_every_method() -> None:
    study = study_of({"bare": BARE, "x": BETTER, "placebo": [0.9362, 0.9369, 0.9375]}, controls=("placebo",))
    family = make_family(study, SCALE)
    found = estimate_all(study, family, make_contrast(study, difference("placebo", "bare"), SCALE), SCALE)
    assert set(found) == {Method.PAIRED, Method.MODERATED, Method.POOLED}
    assert found[Method.POOLED].df == 4  # three cells, three seeds


def test_a_bit_identical_cell_is_counted_once() -> None:
    study = study_of({"bare": BARE, "copy": list(BARE), "x": BETTER})
    cells = fit_cells(study, ["bare", "copy", "x"], SCALE)
    assert cells.num_cells == 2
    assert cells.row_of == {"bare": 0, "copy": 0, "x": 1}
