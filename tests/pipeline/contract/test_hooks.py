import pytest
import torch

from pipeline.contract.battery import QUICK
from pipeline.contract.hooks import HOOKS, check_card, check_config
from pipeline.contract.subject import Subject
from pipeline.spec.errors import ContractBroken
from pipeline.strategies.base import Strategy

TRICKS = "tests.pipeline.contract.tricks"


@pytest.mark.parametrize("check", QUICK)
@pytest.mark.parametrize("name", ["Brighten", "Calm", "Follows"])
def test_good_tricks_pass(name: str, check: str) -> None:
    QUICK[check](Subject.of(f"{TRICKS}:{name}Config"))


def test_what_is_left_to_chance_is_found_wherever_the_global_generators_stand() -> None:
    for seed in (122, 123):  # the check's own seeds
        torch.manual_seed(seed)
        before = torch.random.get_rng_state()
        with pytest.raises(ContractBroken, match="not the same the second time"):
            QUICK["same draws, same result"](Subject.of(f"{TRICKS}:LeftToChanceConfig"))
        assert torch.equal(torch.random.get_rng_state(), before), "the check leaves no trace"


@pytest.mark.parametrize(
    ("name", "check", "reason"),
    [
        ("Misspelt", "config", r"overrides no hook, so it does nothing; did you mean 'edit_batch'\?"),
        ("HalfMemory", "config", "only one of state_dict and load_state_dict"),
        ("BadCard", "card", "expected a sentence that ends with a full stop, not 'no full stop'"),
        ("Relabel", "hooks", "edit_batch changes labels; evaluation reads them"),
        ("InPlace", "hooks", "images: edit_batch writes into the batch that it is given"),
        ("Overfull", "hooks", "rows of targets sum to 2"),
        ("Stranger", "hooks", "edit_dataset: rows that are not in the data"),
        ("InPlaceRows", "hooks", "in_place writes into the image that it is given"),
        ("LeftToChance", "same draws, same result", "images: not the same the second time; draw from the Rng"),
        ("Explodes", "two steps", "wrap_loss: loss is not a finite number"),
        ("Severed", "two steps", "does not learn: no gradient reaches it"),
    ],
)
def test_each_promise_is_broken_by_a_trick_that_breaks_it(name: str, check: str, reason: str) -> None:
    with pytest.raises(ContractBroken, match=reason):
        QUICK[check](Subject.of(f"{TRICKS}:{name}Config"))


@pytest.mark.parametrize("other", ["mixupp", "mixup"])
def test_a_clash_with_an_unknown_kind_or_without_a_reason(other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject.of(f"{TRICKS}:CalmConfig")
    trick = type(subject.trick)
    monkeypatch.setattr(trick, "card", trick.card.model_copy(update={"clashes": {other: ""}}))
    with pytest.raises(ContractBroken, match="there is no strategy 'mixupp'" if other == "mixupp" else "say why"):
        check_card(subject)


def test_every_hook_of_the_protocol_counts() -> None:
    assert {"stream_seed", "row_transforms", "trainable", "edit_batch", "finish", "calibrate", "state_dict"} <= set(
        HOOKS
    )
    assert all(callable(getattr(Strategy, name)) for name in HOOKS)


def test_surgery_alone_is_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject.of(f"{TRICKS}:MisspeltConfig")
    monkeypatch.setattr(type(subject.trick), "edit_model", lambda self, model, num_classes: model)
    check_config(subject)
