import math

import pytest
import torch
from pydantic import ValidationError

from pipeline.models.build import build_model
from pipeline.spec.model import SmallCnn
from pipeline.strategies.cosface import CosFaceConfig
from pipeline.tasks.classify import cross_entropy
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import NUM_CLASSES, context, make_batch


def test_the_loss_is_the_papers_sum_over_samples() -> None:
    """Equation 4 of arXiv:1801.09414, from the weights of the head, sample by sample in double precision."""
    config = CosFaceConfig(scale=16.0, margin=0.3)
    torch.manual_seed(0)
    model = config.edit_model(build_model(SmallCnn(width=3), NUM_CLASSES), NUM_CLASSES)
    batch = make_batch(6)
    loss_fn = config.runtime(config, context()).wrap_loss(cross_entropy)
    got = float(loss_fn(model(batch.images), batch)["cross_entropy"].detach())
    features = model.forward_head(model.forward_features(batch.images), pre_logits=True).detach().double()  # type: ignore[operator]
    centres = model.get_classifier().weight.detach().double()  # type: ignore[operator,union-attr]
    total = 0.0
    for x, label in zip(features, batch.labels.tolist(), strict=True):
        cosines = [float(x @ w) / math.sqrt(float(x @ x) * float(w @ w)) for w in centres]
        true = math.exp(16.0 * (cosines[label] - 0.3))
        others = sum(math.exp(16.0 * c) for k, c in enumerate(cosines) if k != label)
        total -= math.log(true / (true + others))
    assert got == pytest.approx(total / 6, rel=1e-4)


def test_without_a_margin_it_is_cosine_softmax() -> None:
    config = CosFaceConfig(margin=0.0)
    batch = make_batch()
    logits = 30 * (torch.rand(8, NUM_CLASSES, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    loss_fn = config.runtime(config, context()).wrap_loss(cross_entropy)
    assert torch.equal(loss_fn(logits, batch)["cross_entropy"], cross_entropy(logits, batch)["cross_entropy"])


def test_mixed_images_are_refused() -> None:
    with pytest.raises(ValidationError, match="cosface clashes with mixup: a margin needs one true class"):
        digits_stage({"kind": "cosface"}, {"kind": "mixup"})


@pytest.mark.parametrize("fields", [{"margin": -0.1}, {"margin": 1.0}, {"scale": 0.0}])
def test_impossible_values_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        CosFaceConfig.model_validate(fields)
