import pytest

from pipeline.contract.hooks import check_config
from pipeline.contract.lab import Lab
from pipeline.contract.subject import Subject
from pipeline.contract.trained import check_changes_trace
from pipeline.spec.errors import ContractBroken
from pipeline.strategies.chain import Chain
from pipeline.strategies.label_smoothing import LabelSmoothingConfig
from pipeline.strategies.mixup import MixupConfig
from pipeline.strategies.placebo import PlaceboConfig
from pipeline.strategies.rerun import RerunConfig
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import assert_same_batch, context, make_batch


def test_it_has_an_identity_of_its_own() -> None:
    identities = {digits_stage(*entries).identity("data", {}) for entries in ([], [{"kind": "rerun"}])}
    assert len(identities) == 2


def test_no_stream_of_the_strategies_beside_it_moves() -> None:
    alone, beside = (Chain([*extra, MixupConfig(alpha=1.0)], context()) for extra in ([], [RerunConfig()]))
    assert alone.seed == beside.seed
    assert_same_batch(alone.edit_batch(make_batch(), 0, 0), beside.edit_batch(make_batch(), 0, 0))


def test_what_claims_to_change_nothing_is_held_to_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LabelSmoothingConfig, "changes_nothing", True)
    with pytest.raises(ContractBroken, match="it says that it changes nothing, but 3 epochs on the digits are not bit"):
        check_changes_trace(Subject.of("label_smoothing"), lab)
    monkeypatch.setattr(PlaceboConfig, "changes_nothing", True)
    with pytest.raises(ContractBroken, match=r"but Placebo overrides \['stream_seed'\]"):
        check_config(Subject.of("placebo"))
