import inspect
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from pipeline.contract.lab import Lab, trace
from pipeline.experiment import StageList, StageSpec
from pipeline.spec import targets
from pipeline.spec.base import derive_seed
from pipeline.spec.errors import SpecError
from pipeline.spec.targets import source_hash
from pipeline.strategies.base import Rng, StrategyConfig
from pipeline.strategies.chain import Chain
from pipeline.strategies.custom import CustomConfig, load_trick, options_of
from pipeline.strategies.label_smoothing import LabelSmoothingConfig
from pipeline.strategies.mixup import MixupConfig
from pipeline.training.network import fresh_model
from tests.pipeline.contract.tricks import Brighten, BrightenConfig, Calm, CalmConfig
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import assert_same_batch, context, make_batch

TRICKS = "tests.pipeline.contract.tricks"
BRIGHTEN, CALM = f"{TRICKS}:BrightenConfig", f"{TRICKS}:CalmConfig"
SOURCE = """
from typing import ClassVar, Literal

from pipeline.spec.card import Card
from pipeline.strategies.base import Strategy, StrategyConfig


class Mine(Strategy):
    def after_step(self, model, step):
        self.last = step


class MineConfig(StrategyConfig):
    kind: Literal["mine"] = "mine"
    strength: float = 1.0
    card: ClassVar[Card] = Card(title="Mine", family="custom", idea="Counts.", helps_when="Never.")
    runtime: ClassVar[type[Strategy]] = Mine
"""


def entry(target: str, **options: Any) -> dict[str, Any]:
    return {"kind": "custom", "target": target, "options": options}


def test_it_is_the_users_config_under_the_key_of_its_target() -> None:
    config = CustomConfig(target=BRIGHTEN, options={"strength": 0.25})
    assert config.trick == BrightenConfig(strength=0.25)
    assert (config.key, config.trick.runtime, config.trick.card.title) == (BRIGHTEN, Brighten, "Brighten")
    assert config.options == {"strength": 0.25}
    assert config.source == source_hash(BRIGHTEN)
    assert pickle.loads(pickle.dumps(config)) == config
    assert CustomConfig.model_validate_json(config.model_dump_json()) == config


def test_defaults_are_written_out_so_that_equal_tricks_are_one() -> None:
    assert CustomConfig(target=BRIGHTEN) == CustomConfig(target=BRIGHTEN, options={"strength": 0.5})
    first, second = digits_stage(entry(BRIGHTEN)), digits_stage(entry(BRIGHTEN, strength=0.5))
    assert first.identity("f", {}) == second.identity("f", {})
    assert digits_stage(entry(BRIGHTEN, strength=0.4)).identity("f", {}) != first.identity("f", {})


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module:X", r"no_such_module"),
        (f"{TRICKS}:Bright", r"has no 'Bright'; it defines .*BrightenConfig"),
        ("mixup", r"expected package\.module:"),
        (f"{TRICKS}:Brighten", r"is the class Brighten; expected a subclass of pipeline\.strategies\.base\.Strategy"),
        (f"{TRICKS}:NOT_A_CLASS", r"is a int; expected a subclass"),
        (f"{TRICKS}:NoCardConfig", r"has no card; give the class"),
        (f"{TRICKS}:NoRuntimeConfig", r"has no runtime; give the class"),
        (f"{TRICKS}:NoKindConfig", r"has no kind; give the class"),
    ],
)
def test_a_target_that_is_no_strategy_is_refused(target: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        digits_stage(entry(target))
    assert [fault["loc"] for fault in caught.value.errors()] == [("strategies", 0, "custom", "target")]


@pytest.mark.parametrize(
    ("options", "place", "message"),
    [
        ({"strenght": 1.0}, "strenght", r"there is no such option; BrightenConfig has: strength"),
        ({"kind": "brighten"}, "kind", r"there is no such option"),
        ({"strength": 3.0}, "strength", r"less than or equal to 2"),
        ({"strength": "much"}, "strength", r"valid number"),
    ],
)
def test_a_fault_in_the_options_has_its_path(options: dict[str, Any], place: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        digits_stage(entry(BRIGHTEN, **options))
    assert [fault["loc"] for fault in caught.value.errors()] == [("strategies", 0, "custom", "options", place)]


def test_a_missing_option_has_its_path() -> None:
    with pytest.raises(ValidationError, match="Field required") as caught:
        digits_stage(entry(f"{TRICKS}:NoExampleConfig"))
    assert caught.value.errors()[0]["loc"] == ("strategies", 0, "custom", "options", "share")


def test_an_edit_of_the_source_is_another_identity_and_a_planned_run_refuses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(targets, "_imported", {})
    file = tmp_path / "edited_trick.py"
    file.write_text(SOURCE)
    before = digits_stage(entry("edited_trick:MineConfig"))
    planned = before.model_dump_json()
    assert StageSpec.model_validate_json(planned).identity("f", {}) == before.identity("f", {})
    file.write_text(SOURCE.replace("Counts.", "Counts steps."))
    monkeypatch.delitem(sys.modules, "edited_trick")
    monkeypatch.setattr(targets, "_imported", {})  # as in another process
    after = digits_stage(entry("edited_trick:MineConfig"))
    assert after.identity("f", {}) != before.identity("f", {})
    with pytest.raises(ValidationError, match="source has changed since this run was planned"):
        StageSpec.model_validate_json(planned)


def test_the_version_of_the_trick_and_all_it_needs_are_part_of_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = digits_stage(entry(f"{TRICKS}:FollowsConfig"))
    assert stage.needs() == ("teacher", "extra")
    first = stage.identity("f", {"teacher": "a", "extra": "b"})
    assert stage.identity("f", {"teacher": "a", "extra": "c"}) != first
    assert stage.identity("f", {"teacher": "c", "extra": "b"}) != first
    monkeypatch.setattr(load_trick(f"{TRICKS}:FollowsConfig"), "version", 4)
    assert stage.identity("f", {"teacher": "a", "extra": "b"}) != first
    with pytest.raises(ValidationError, match="needs stage 'teacher', but the earlier stages are"):
        StageList(stages=(stage,))


def test_several_may_go_together_in_the_order_of_their_targets_but_each_only_once() -> None:
    stage = digits_stage({"kind": "ema"}, entry(CALM), entry(BRIGHTEN), {"kind": "label_smoothing"})
    assert [s.key for s in stage.strategies] == ["label_smoothing", BRIGHTEN, CALM, "ema"]
    with pytest.raises(ValidationError, match=f"{BRIGHTEN} given more than once"):
        digits_stage(entry(BRIGHTEN), entry(BRIGHTEN, strength=1.0))


def test_its_rules_are_those_of_the_trick() -> None:
    with pytest.raises(ValidationError, match=f"{BRIGHTEN} clashes with mixup: they are too bright together"):
        digits_stage(entry(BRIGHTEN), {"kind": "mixup"})
    with pytest.raises(ValidationError, match=r"OwnerConfig and .*SecondOwnerConfig both decide `eval_model`"):
        digits_stage(entry(f"{TRICKS}:OwnerConfig"), entry(f"{TRICKS}:SecondOwnerConfig"))
    with pytest.raises(ValidationError, match="NeverFitsConfig: small_cnn is no network for it"):
        digits_stage(entry(f"{TRICKS}:NeverFitsConfig"))


def test_the_chain_gives_each_its_own_stream_and_its_own_memory() -> None:
    configs = [CustomConfig(target=BRIGHTEN, options={"strength": 1.0}), CustomConfig(target=CALM)]
    chain = Chain(configs, context(seed=3))
    drawn = Brighten(BrightenConfig(strength=1.0), context(3)).edit_batch(
        make_batch(), Rng(derive_seed(3, BRIGHTEN, 7, 2))
    )
    assert_same_batch(chain.edit_batch(make_batch(), 7, 2), drawn)
    model = torch.nn.Linear(2, 2)
    model(torch.ones(1, 2)).sum().backward()
    chain.before_step(model)
    (memory,) = [state for key, state in chain.state_dict().items() if key == CALM]
    assert memory["size"] > 0
    again = Chain(configs, context(seed=3))
    again.load_state_dict(chain.state_dict())
    assert again.state_dict() == chain.state_dict()


def test_surgery_draws_from_a_stream_of_the_target() -> None:
    class Linear(CalmConfig):
        def edit_model(self, model: torch.nn.Module, num_classes: int) -> torch.nn.Module:
            return torch.nn.Linear(3, num_classes)

    config = CustomConfig(target=CALM)
    object.__setattr__(config, "_trick", Linear())
    got = fresh_model(digits_stage().model, [config], 5, seed=8)
    torch.manual_seed(derive_seed(8, "init", CALM))
    expected = torch.nn.Linear(3, 5)
    assert torch.equal(got.weight, expected.weight)  # type: ignore[arg-type]


def test_a_strategy_by_its_import_path_trains_as_by_its_kind(lab: Lab) -> None:
    by_path = lab.train(
        digits_stage(CustomConfig.of(CustomConfig.example().target, LabelSmoothingConfig()).model_dump())
    )
    by_kind = lab.train(digits_stage({"kind": "label_smoothing"}))
    assert trace(by_path) == trace(by_kind)


def test_every_method_of_a_config_asks_the_trick() -> None:
    """A new method of StrategyConfig that CustomConfig does not pass on would be silently without effect."""
    inherited = {"example", "neutral", "setting", "key", "trick"}
    methods = {name for name, value in vars(StrategyConfig).items() if not name.startswith(("_", "model_"))
               and (inspect.isfunction(value) or isinstance(value, property | classmethod))}  # fmt: skip
    assert methods >= inherited | {"needs", "fault", "edit_model"}
    assert methods <= vars(CustomConfig).keys()


def test_options_of_are_what_builds_it() -> None:
    assert options_of(MixupConfig(alpha=0.4)) == {"alpha": 0.4}
    assert CustomConfig.of(CALM, CalmConfig()).trick.runtime is Calm
    with pytest.raises(SpecError, match="no_such_module"):
        load_trick("no_such_module:X")
