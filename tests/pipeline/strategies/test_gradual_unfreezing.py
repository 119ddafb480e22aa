from itertools import pairwise

import pytest
import timm
import torch
from pydantic import ValidationError

from pipeline.data.handle import DataHandle
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.strategies.gradual_unfreezing import GradualUnfreezingConfig, num_unfrozen
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import context
from tests.pipeline.training.watching import watched_training

BLOCKS = ("features.0 features.1", "features.3 features.4", "features.6 features.7", "head.3")  # of the small network


# By hand: 4 blocks over half of the training are one each 0.125 of it.
@pytest.mark.parametrize(
    ("full_at_frac", "num_epochs", "num_blocks", "expected"),
    [
        (0.5, 8, 4, [1, 1, 2, 3, 4, 4, 4, 4]),
        (0.5, 4, 4, [1, 2, 4, 4]),
        (0.6, 10, 4, [1, 1, 2, 2, 3, 4, 4, 4, 4, 4]),
        (0.9, 10, 3, [1, 1, 1, 1, 2, 2, 2, 3, 3, 3]),
        (0.5, 2, 4, [1, 4]),
        (0.5, 1, 4, [1]),
        (0.0, 3, 4, [4, 4, 4]),
        (0.75, 4, 1, [1, 1, 1, 1]),
        (0.5, 28, 14, [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, *[14] * 14]),
    ],
)
def test_table_of_epochs(full_at_frac: float, num_epochs: int, num_blocks: int, expected: list[int]) -> None:
    got = [num_unfrozen(epoch / num_epochs, num_blocks, full_at_frac) for epoch in range(num_epochs)]
    assert got == expected


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_from_timms_classifier_down_to_its_stem(name: str) -> None:
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=7)
    strategy = GradualUnfreezingConfig.runtime(GradualUnfreezingConfig(full_at_frac=0.8), context())
    sets = [strategy.trainable(model, step / 40) for step in range(40)]
    head = "fc" if name == "resnet10t" else "head"
    assert sets[0] == {f"{head}.weight", f"{head}.bias"}
    assert sets[-1] is None, "None: all"
    names = {key for key, _ in model.named_parameters()}
    full = [names if part is None else part for part in sets]
    assert all(earlier <= later for earlier, later in pairwise(full))
    number = 6 if name == "resnet10t" else 14
    stem = "conv1.0.weight" if name == "resnet10t" else "pos_embed"
    joins = [step / 32 > (number - 1) / number for step in range(40)]  # of 40, all learn at 32: the last of them is due
    assert [stem in part for part in full] == joins


def learning(epoch: int) -> tuple[str, ...]:
    """With six epochs, all of them learning after two thirds: 1, 1, 2, 3 blocks, then all."""
    return BLOCKS[-(1, 1, 2, 3, 4, 4)[epoch] :]


def in_blocks(name: str, blocks: tuple[str, ...]) -> bool:
    return name.rpartition(".")[0] in " ".join(blocks).split()


def test_frozen_blocks_keep_every_bit_until_their_turn_and_all_learn_in_the_end(
    digits: DataHandle, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spec = digits_stage(
        {"kind": "gradual_unfreezing", "full_at_frac": 2 / 3}, budget={"epochs": 6, "batch_size": 64, "num_shards": 2}
    )
    seen = watched_training(spec, digits, tmp_path_factory.mktemp("gradual"))
    parameters = {name for name, _ in SmallCnnNet(10, 4, 0.0).named_parameters()}
    assert len(seen.states) == 6
    before = seen.start
    for epoch, state in enumerate(seen.states):
        for name, value in state.items():
            assert torch.equal(value, before[name]) == (not in_blocks(name, learning(epoch))), (epoch, name)
        assert seen.with_optimizer_state[epoch] == {name for name in parameters if in_blocks(name, learning(epoch))}
        before = state
    assert all(not torch.equal(seen.states[-1][name], seen.start[name]) for name in parameters)


@pytest.mark.parametrize("frac", [-0.1, 1.0])
def test_impossible_shares_are_refused(frac: float) -> None:
    with pytest.raises(ValidationError, match="full_at_frac"):
        GradualUnfreezingConfig(full_at_frac=frac)
