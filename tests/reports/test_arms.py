import numpy as np
import pytest

from pipeline.spec.study import StudyPlan
from reports.arms import bare_arm, noise_floor, pairing
from reports.estimates import fit_cells
from reports.load import StudyData
from reports.scale import scale_of
from tests.reports.test_effects import NoFiles, study_of

SCALE = scale_of("top1")


def drawn(shared_sd: float, num_seeds: int = 40) -> StudyData:
    rng = np.random.default_rng(4)
    luck = rng.normal(0, shared_sd, num_seeds)
    return study_of({name: list(0.5 + luck + rng.normal(0, 0.01, num_seeds)) for name in ("bare", "a", "b")})


def test_noise_floor_recovers_the_spread_that_arms_do_not_share() -> None:
    found = noise_floor(fit_cells(drawn(shared_sd=0.05), ["bare", "a", "b"], SCALE))
    assert found is not None
    assert found.sd == pytest.approx(1.0, rel=0.15)  # points
    assert found.ci95.low < 1.0 < found.ci95.high
    assert found.df == 2 * 39


def test_pairing_helps_where_seeds_share_their_luck_and_not_where_they_do_not() -> None:
    together, apart = (pairing(drawn(sd), ["bare", "a", "b"], SCALE) for sd in (0.02, 0.0))
    assert together is not None and apart is not None
    assert together.correlation == pytest.approx(0.8, abs=0.1)  # .02^2 / (.02^2 + .01^2)
    assert together.helped and together.sentence.startswith("pairing by seed helped")
    assert apart.correlation == pytest.approx(0.0, abs=0.3)


def test_one_seed_has_neither() -> None:
    study = study_of({"bare": [0.5], "a": [0.6]})
    assert noise_floor(fit_cells(study, ["bare", "a"], SCALE)) is None
    assert pairing(study, ["bare", "a"], SCALE) is None


def test_a_design_without_bare_has_none() -> None:
    study = study_of({"bare": [0.5], "a": [0.6]})
    assert bare_arm(study) is study.plan.arms[0]
    plan: StudyPlan = study.plan.model_copy(update={"arms": study.plan.arms[1:]})
    assert bare_arm(StudyData(plan, {}, [], NoFiles())) is None
