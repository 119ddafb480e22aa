"""What every entry of the catalogue promises, whatever its trick. One battery, run on each of them."""

import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from pipeline.data.draws import sample_key
from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.spec.card import Card
from pipeline.strategies import CATALOGUE, AnyStrategy
from pipeline.strategies.base import Rng, StageContext, Strategy, StrategyConfig
from pipeline.strategies.chain import Chain
from pipeline.tasks.classify import cross_entropy, one_hot
from pipeline.training.network import edited_model
from pipeline.types import Batch
from tests.pipeline.strategies.pictures import picture

NUM_CLASSES = 5
IMAGE_PX = 16
NUM_EPOCHS = 4


def config_of(kind: str) -> StrategyConfig:
    """The smallest valid config."""
    return CATALOGUE[kind].example()


def teacher_of(name: str) -> nn.Module:
    """A fixed network that stands for any earlier stage."""
    del name
    with torch.random.fork_rng():
        torch.manual_seed(99)
        return SmallCnnNet(NUM_CLASSES, 3, 0.0).eval().requires_grad_(False)


def context(seed: int = 1) -> StageContext:
    """A stage on the CPU."""
    return StageContext(seed, NUM_CLASSES, NUM_EPOCHS, torch.device("cpu"), teacher_of)


def make_batch(size: int = 8, seed: int = 0) -> Batch:
    """Random images with hard targets."""
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.normal(size=(size, 3, IMAGE_PX, IMAGE_PX)).astype(np.float32))
    labels = torch.from_numpy(rng.integers(0, NUM_CLASSES, size))
    return Batch(images, labels, one_hot(labels, NUM_CLASSES))


def make_index(size: int = 400) -> TrainIndex:
    """Samples with keys as real ones have."""
    keys = np.asarray([sample_key(f"image-{i}") for i in range(size)], dtype=np.uint64)
    return TrainIndex(np.arange(size), keys, np.arange(size) % NUM_CLASSES, NUM_CLASSES)


def assert_same_batch(a: Batch, b: Batch) -> None:
    """Bit for bit."""
    for name in ("images", "labels", "targets"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name


def assert_same_index(a: TrainIndex, b: TrainIndex) -> None:
    """Bit for bit."""
    for name in ("rows", "keys", "labels"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def check_config(kind: str) -> None:
    """Valid, closed, frozen, and the same after JSON; known to the union under its own kind."""
    config = config_of(kind)
    text = config.model_dump_json()
    assert type(config).model_validate_json(text) == config
    parsed = TypeAdapter(AnyStrategy).validate_python(json.loads(text))
    assert type(parsed) is CATALOGUE[kind]
    assert type(config).model_config.get("frozen") and type(config).model_config.get("extra") == "forbid"
    assert config.version >= 1
    assert issubclass(type(config).runtime, Strategy)


def check_card(kind: str) -> None:
    """Says what it is, where it comes from or that it is a control, and how it goes wrong."""
    card: Card = CATALOGUE[kind].card
    assert card.title and card.idea.endswith(".") and card.family
    assert card.pitfalls or card.helps_when
    assert all(text.endswith((".", "!")) for text in card.pitfalls), "pitfalls are sentences"
    assert card.paper is not None or card.family == "controls"
    assert card.clashes.keys() <= set(CATALOGUE) - {kind}, "clashes name other kinds of the catalogue"
    assert all(card.clashes.values()), "a clash has a reason"
    assert card.tasks == {"classify"}


def hook_results(kind: str, seed: int = 1) -> dict[str, Any]:
    """Everything that a strategy decides, from fresh inputs."""
    strategy = config_of(kind).runtime(config_of(kind), context(seed))
    plan = EpochPlan(0, IMAGE_PX, 64)
    return {
        "seed": strategy.stream_seed(seed),
        "index": strategy.edit_dataset(make_index()),
        "plans": [strategy.plan_epoch(plan, epoch / NUM_EPOCHS) for epoch in range(NUM_EPOCHS)],
        "batch": strategy.edit_batch(make_batch(), Rng.named(seed, kind, 0, 0)),
    }


def check_hooks(kind: str) -> None:
    """Truth is kept, targets stay distributions, the caller's values are not edited."""
    batch, index = make_batch(), make_index()
    before = replace(batch, **{n: getattr(batch, n).clone() for n in ("images", "labels", "targets")})
    index_before = replace(index, **{n: getattr(index, n).copy() for n in ("rows", "keys", "labels")})
    strategy = config_of(kind).runtime(config_of(kind), context())
    edited = strategy.edit_batch(batch, Rng.named(1, kind, 0, 0))
    assert torch.equal(edited.labels, before.labels)
    torch.testing.assert_close(edited.targets.sum(dim=1), torch.ones(8))
    assert edited.targets.min() >= 0
    assert edited.targets.dtype == before.targets.dtype and edited.images.dtype == before.images.dtype
    assert len(edited.images) == len(edited.targets) == len(edited.labels)
    assert_same_batch(batch, before)
    relabelled = strategy.edit_dataset(index)
    assert 0 <= relabelled.labels.min() and relabelled.labels.max() < NUM_CLASSES
    assert set(relabelled.rows.tolist()) <= set(index_before.rows.tolist())
    assert len(relabelled.rows) == len(relabelled.keys) == len(relabelled.labels)
    assert_same_index(index, index_before)
    for plan in hook_results(kind)["plans"]:
        assert 1 <= plan.image_size_px <= IMAGE_PX


def check_same_rng_same_result(kind: str) -> None:
    """Neither torch's nor numpy's global generator decides anything."""
    first = hook_results(kind)
    torch.manual_seed(123)
    np.random.seed(123)  # noqa: NPY002 - the global generator is what must not matter
    second = hook_results(kind)
    assert first["seed"] == second["seed"] and first["plans"] == second["plans"]
    assert_same_index(first["index"], second["index"])
    assert_same_batch(first["batch"], second["batch"])


def check_row_transforms(kind: str) -> None:
    """Edits of single images travel to other processes, name the kind's own stream, and write into nothing given."""
    transforms = config_of(kind).runtime(config_of(kind), context()).row_transforms()
    assert len({transform.name for transform in transforms}) == len(transforms)
    for transform in transforms:
        assert transform.name.split(".")[0] == kind, "else two strategies would share a random stream"
        sent = pickle.loads(pickle.dumps(transform))
        edited = []
        for seed in range(20):
            image = picture(IMAGE_PX, seed)
            before = image.copy()
            result = transform(image, np.random.default_rng(seed), 1.0)
            np.testing.assert_array_equal(result, sent(image, np.random.default_rng(seed), 1.0))
            assert result.shape == image.shape and result.dtype == np.uint8
            np.testing.assert_array_equal(image, before)
            np.testing.assert_array_equal(transform(image, np.random.default_rng(seed), 0.0), image)
            edited.append(not np.array_equal(result, image))
        assert any(edited)


def two_steps(kind: str) -> tuple[list[dict[str, float]], list[Tensor]]:
    """Train a tiny network for two steps through the chain."""
    torch.manual_seed(0)
    model = edited_model(SmallCnnNet(NUM_CLASSES, 4, 0.0), [config_of(kind)], NUM_CLASSES, seed=0)
    start = [p.detach().clone() for p in model.parameters()]
    chain = Chain([config_of(kind)], context())
    loss_fn = chain.wrap_loss(cross_entropy)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for step in range(2):
        batch = chain.edit_batch(make_batch(seed=step), step, 0)
        terms = loss_fn(model(batch.images), batch)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        losses.append({name: float(term.detach()) for name, term in terms.items()})
    return losses, [p.detach() - s for p, s in zip(model.parameters(), start, strict=True)]


def check_two_steps(kind: str) -> None:
    """The loss is finite, every parameter learns, and the teacher does not get in the way."""
    losses, changes = two_steps(kind)
    for terms in losses:
        assert terms and all(np.isfinite(value) for value in terms.values())
    assert losses[0].keys() == losses[1].keys()
    assert all(torch.isfinite(change).all() for change in changes)
    assert all(change.abs().max() > 0 for change in changes)
    assert two_steps(kind)[0] == losses


BATTERY = (
    check_config,
    check_card,
    check_hooks,
    check_same_rng_same_result,
    check_row_transforms,
    check_two_steps,
)
