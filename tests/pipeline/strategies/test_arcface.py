import math

import pytest
import torch
from pydantic import ValidationError

from pipeline.models.build import build_model
from pipeline.spec.model import SmallCnn
from pipeline.strategies.arcface import ArcFaceConfig, arc_margin
from pipeline.tasks.classify import cross_entropy
from tests.pipeline.stages import digits_stage
from tests.pipeline.strategies.contract import NUM_CLASSES, context, make_batch


@pytest.mark.parametrize("margin_rad", [0.0, 0.1, 0.5, 1.2])
def test_it_is_the_cosine_of_the_wider_angle(margin_rad: float) -> None:
    cosines = torch.linspace(-0.999, 0.999, 401, dtype=torch.float64)
    for cosine, got in zip(cosines.tolist(), arc_margin(cosines, margin_rad).tolist(), strict=True):
        angle = math.acos(cosine)
        if angle + margin_rad < math.pi:
            assert got == pytest.approx(math.cos(angle + margin_rad), abs=1e-9)
        else:
            assert got == pytest.approx(cosine - margin_rad * math.sin(margin_rad), abs=1e-12)


@pytest.mark.parametrize("margin_rad", [0.1, 0.5, 1.2])
def test_a_wider_angle_never_pays(margin_rad: float) -> None:
    got = arc_margin(torch.linspace(-1, 1, 2001, dtype=torch.float64), margin_rad)
    assert (got.diff() > 0).all()
    assert (got < torch.linspace(-1, 1, 2001, dtype=torch.float64)).all()


def test_a_margin_of_zero_changes_no_bit() -> None:
    cosines = torch.linspace(-1, 1, 1001)
    assert torch.equal(arc_margin(cosines, 0.0), cosines)


@pytest.mark.parametrize("cosine", [-1.0, 1.0, 1.0000001, -1.0000001, 0.0])
def test_gradients_are_finite_at_the_ends(cosine: float) -> None:
    x = torch.tensor([cosine], requires_grad=True)
    value = arc_margin(x, 0.5)
    value.sum().backward()
    assert torch.isfinite(value).all() and torch.isfinite(x.grad).all()  # type: ignore[arg-type]


def test_the_loss_is_the_papers_sum_over_samples() -> None:
    """Equation 3 of arXiv:1801.07698, from the weights of the head, sample by sample in double precision."""
    config = ArcFaceConfig(scale=16.0, margin_rad=0.4)
    torch.manual_seed(0)
    model = config.edit_model(build_model(SmallCnn(width=3), NUM_CLASSES), NUM_CLASSES)
    batch = make_batch(6)
    loss_fn = config.runtime(config, context()).wrap_loss(cross_entropy)
    got = float(loss_fn(model(batch.images), batch)["cross_entropy"].detach())
    features = model.forward_head(model.forward_features(batch.images), pre_logits=True).detach().double()  # type: ignore[operator]
    centres = model.get_classifier().weight.detach().double()  # type: ignore[operator,union-attr]
    total = 0.0
    for x, label in zip(features, batch.labels.tolist(), strict=True):
        angles = [math.acos(float(x @ w) / math.sqrt(float(x @ x) * float(w @ w))) for w in centres]
        true = math.exp(16.0 * math.cos(angles[label] + 0.4))
        others = sum(math.exp(16.0 * math.cos(a)) for k, a in enumerate(angles) if k != label)
        total -= math.log(true / (true + others))
    assert got == pytest.approx(total / 6, rel=1e-4)


def test_without_a_margin_it_is_cosine_softmax() -> None:
    config = ArcFaceConfig(margin_rad=0.0)
    batch = make_batch()
    logits = 30 * (torch.rand(8, NUM_CLASSES, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    loss_fn = config.runtime(config, context()).wrap_loss(cross_entropy)
    assert torch.equal(loss_fn(logits, batch)["cross_entropy"], cross_entropy(logits, batch)["cross_entropy"])


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"kind": "mixup"}, "arcface clashes with mixup: a margin needs one true class"),
        ({"kind": "cosface"}, "arcface clashes with cosface: both replace the classifier"),
    ],
)
def test_what_it_cannot_be_combined_with(other: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        digits_stage({"kind": "arcface"}, other)


@pytest.mark.parametrize("fields", [{"margin_rad": -0.1}, {"margin_rad": 1.6}, {"scale": 0.0}])
def test_impossible_values_are_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        ArcFaceConfig.model_validate(fields)
