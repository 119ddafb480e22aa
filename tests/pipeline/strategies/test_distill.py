import math
from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.errors import SpecError
from pipeline.spec.links import StageRef, TeacherRef
from pipeline.strategies.distill import DistillConfig, distillation_loss, ensemble_loss
from pipeline.tasks.classify import cross_entropy
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.contract import context, make_batch, teacher_of


def random_logits(seed: int, scale: float = 3.0) -> torch.Tensor:
    return scale * torch.randn(6, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(x / temperature) for x in row]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_it_is_the_divergence_written_out(temperature: float) -> None:
    student, teacher = random_logits(0), random_logits(1)
    total = 0.0
    for s, t in zip(student.tolist(), teacher.tolist(), strict=True):
        p, q = softmax(t, temperature), softmax(s, temperature)
        total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    expected = temperature**2 * total / len(student)
    assert float(distillation_loss(student, teacher, temperature)) == pytest.approx(expected, rel=1e-9)
    theirs = nn.KLDivLoss(reduction="batchmean")(
        (student / temperature).log_softmax(1), (teacher / temperature).softmax(1)
    )
    torch.testing.assert_close(distillation_loss(student, teacher, temperature), temperature**2 * theirs)


def test_equal_networks_have_nothing_to_learn() -> None:
    student = random_logits(0).requires_grad_()
    loss = distillation_loss(student, student.detach(), 4.0)
    (gradient,) = torch.autograd.grad(loss, student)
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-12)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-12, rtol=0)


def test_at_high_temperature_it_matches_centred_logits() -> None:
    """Hinton et al. 2015, equation 4: T^2 KL tends to the squared difference of centred logits over 2 K."""
    student, teacher = random_logits(0), random_logits(1)
    difference = (student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))
    expected = float((difference**2).sum(1).mean() / (2 * 5))
    assert float(distillation_loss(student, teacher, 1e4)) == pytest.approx(expected, rel=1e-2)


def test_extreme_logits_stay_finite() -> None:
    student = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    loss = distillation_loss(student, torch.tensor([[-1e4, 1e4, 0.0]]), 1.0)
    (gradient,) = torch.autograd.grad(loss, student)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("weight", [0.25, 0.5, 1.0])
def test_terms_are_weighted_and_the_teacher_sees_the_same_images(weight: float) -> None:
    config = DistillConfig(teacher=StageRef(stage="teacher"), temperature=2.0, weight=weight)
    batch, logits = make_batch(), random_logits(3).float()[:, :5]
    batch = type(batch)(batch.images[:6], batch.labels[:6], batch.targets[:6])
    terms = config.runtime(config, context()).wrap_loss(cross_entropy)(logits, batch)
    assert list(terms) == ["cross_entropy", "distill"]
    torch.testing.assert_close(terms["cross_entropy"], (1 - weight) * cross_entropy(logits, batch)["cross_entropy"])
    teacher_logits = teacher_of(StageRef(stage="teacher"))(batch.images)
    torch.testing.assert_close(terms["distill"], weight * distillation_loss(logits, teacher_logits, 2.0))


def test_the_teacher_gets_no_gradient() -> None:
    config = DistillConfig(teacher=StageRef(stage="teacher"))
    distill = config.runtime(config, context())
    batch = make_batch()
    logits = torch.zeros(8, 5, requires_grad=True)
    terms = distill.wrap_loss(cross_entropy)(logits, batch)
    (terms["cross_entropy"] + terms["distill"]).backward()
    (teacher,) = distill._teachers.networks  # type: ignore[attr-defined]
    assert logits.grad is not None
    assert all(p.grad is None for p in teacher.parameters())
    assert not teacher.training


def test_it_asks_for_the_stage_it_names() -> None:
    asked = []
    config = DistillConfig(teacher=StageRef(stage="big"))
    stage = context()

    def load(ref: TeacherRef) -> nn.Module:
        asked.append(ref)
        return teacher_of(ref)

    distill = config.runtime(config, replace(stage, load_teacher=load))
    assert asked == [], "whoever only evaluates the student needs no teacher"
    batch = make_batch()
    for _ in range(2):
        distill.wrap_loss(cross_entropy)(torch.zeros(8, 5), batch)
    assert asked == [StageRef(stage="big")]
    assert config.needs() == ("big",)


@pytest.mark.parametrize("fault", [{"weight": 0.0}, {"weight": 1.1}, {"temperature": 0.0}, {"teacher": "x"}])
def test_impossible_values_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fault))):
        DistillConfig.model_validate({"teacher": {"stage": "t"}} | fault)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_several_teachers_speak_with_the_mean_of_their_probabilities(temperature: float) -> None:
    student = random_logits(0)
    teachers = [random_logits(seed) for seed in (1, 2, 3)]
    expected = 0.0
    for i, row in enumerate(student.tolist()):
        q = softmax(row, temperature)
        each = [softmax(teacher[i].tolist(), temperature) for teacher in teachers]
        p = [sum(values) / 3 for values in zip(*each, strict=True)]
        expected += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    loss = ensemble_loss(student, torch.stack(teachers, dim=1), temperature)
    assert float(loss) == pytest.approx(temperature**2 * expected / len(student), rel=1e-6)


def test_an_ensemble_is_asked_one_by_one() -> None:
    refs = (StageRef(stage="one"), StageRef(stage="two"))
    config = DistillConfig(teacher=refs)
    assert config.needs() == ("one", "two")
    networks = {ref: SmallCnnNet(5, width, 0.0).eval() for ref, width in zip(refs, (3, 4), strict=True)}
    strategy = config.runtime(config, replace(context(), load_teacher=lambda ref: networks[ref]))
    batch, logits = make_batch(), torch.randn(8, 5)
    got = strategy.wrap_loss(cross_entropy)(logits, batch)["distill"]
    with torch.no_grad():
        said = torch.stack([networks[ref](batch.images) for ref in refs], dim=1)
    torch.testing.assert_close(got, 0.5 * ensemble_loss(logits, said, 4.0))


def test_a_teacher_from_outside_needs_its_classifier() -> None:
    weights = {"kind": "from_file", "path": "w.pt", "sha256": "a" * 64, "part": "backbone"}
    teacher = {"model": {"kind": "small_cnn"}, "weights": weights}
    with pytest.raises(ValidationError, match=r"a random classifier; set teacher\.weights\.part: all"):
        digits_stage(example("distill") | {"teacher": teacher})

    def identity(**change: str) -> str:
        entry = {"kind": "distill", "teacher": teacher | {"weights": weights | {"part": "all"} | change}}
        return digits_stage(entry).identity("f", {})

    assert identity(path="elsewhere.pt") == identity()
    assert identity(sha256="b" * 64) != identity()
    with pytest.raises(SpecError, match="teacher of kind pretrained has no sha256 yet"):
        pretrained = {"model": {"kind": "timm", "name": "resnet10t"}, "weights": {"kind": "pretrained", "part": "all"}}
        digits_stage({"kind": "distill", "teacher": pretrained}).identity("f", {})
