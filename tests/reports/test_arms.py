import numpy as np
import pytest

from pipeline.spec.study import StudyPlan
from reports.analysis.arms import bare_arm, pairing
from reports.records.load import StudyData
from reports.scale import scale_of
from tests.reports.test_effects import NoFiles, study_of

SCALE = scale_of("top1")


def drawn(shared_sd: float, num_seeds: int = 40) -> StudyData:
    rng = np.random.default_rng(4)
    luck = rng.normal(0, shared_sd, num_seeds)
    return study_of({name: list(0.5 + luck + rng.normal(0, 0.01, num_seeds)) for name in ("bare", "a", "b")})


def test_pairing_helps_where_seeds_share_their_luck_and_not_where_they_do_not() -> None:
    together, apart = (pairing(drawn(sd), ["bare", "a", "b"], SCALE) for sd in (0.02, 0.0))
    assert together is not None and apart is not None
    assert together.correlation == pytest.approx(0.8, abs=0.1)  # .02^2 / (.02^2 + .01^2)
    assert together.helped and together.sentence.startswith("pairing by seed helped")
    assert apart.correlation == pytest.approx(0.0, abs=0.3)


def test_one_seed_has_no_pairing() -> None:
    study = study_of({"bare": [0.5], "a": [0.6]})
    assert pairing(study, ["bare", "a"], SCALE) is None


def test_a_design_without_bare_has_none() -> None:
    study = study_of({"bare": [0.5], "a": [0.6]})
    assert bare_arm(study) is study.plan.arms[0]
    plan: StudyPlan = study.plan.model_copy(update={"arms": study.plan.arms[1:]})
    assert bare_arm(StudyData(plan, {}, [], NoFiles())) is None
