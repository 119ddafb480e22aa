import torch

from pipeline.data.index import EpochPlan
from pipeline.spec.base import derive_seed
from pipeline.strategies.base import Rng
from pipeline.strategies.chain import Chain
from pipeline.strategies.mixup import MixupConfig
from pipeline.strategies.placebo import PlaceboConfig
from pipeline.tasks.classify import cross_entropy
from tests.pipeline.strategies.contract import context, make_batch, make_index


def test_it_renames_the_root_of_every_stream() -> None:
    roots = [Chain([PlaceboConfig()], context(seed)).seed for seed in range(100)]
    assert len(set(roots) | set(range(100))) == 200, "no root is another seed's"
    for kind in ("init", "order", "crop", "flip", "forward"):
        assert derive_seed(roots[0], kind, 0) != derive_seed(0, kind, 0)


def test_it_reaches_the_strategies_beside_it() -> None:
    alone, beside = (
        Chain([*extra, MixupConfig(alpha=1.0)], context()).edit_batch(make_batch(), 0, 0)
        for extra in ([], [PlaceboConfig()])
    )
    assert not torch.equal(alone.images, beside.images)


def test_it_changes_nothing_else() -> None:
    placebo = PlaceboConfig().runtime(PlaceboConfig(), context())
    batch, index, plan = make_batch(), make_index(), EpochPlan(0, 16, 64)
    assert placebo.edit_batch(batch, Rng(0)) is batch
    assert placebo.edit_dataset(index) is index
    assert placebo.plan_epoch(plan, 0.5) is plan
    assert placebo.wrap_loss(cross_entropy) is cross_entropy


def test_another_stream_is_other_luck() -> None:
    roots = {name: Chain([PlaceboConfig(stream=name)], context(0)).seed for name in ("placebo", "b", "c")}
    assert len(set(roots.values())) == 3
    assert roots["placebo"] == Chain([PlaceboConfig()], context(0)).seed == derive_seed(0, "placebo")
