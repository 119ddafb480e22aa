"""Promises that show without training: the config, the card, and what each hook does to made-up inputs."""

import difflib
import json
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from pipeline.contract.samples import (
    IMAGE_PX,
    NUM_CLASSES,
    NUM_EPOCHS,
    assert_same_batch,
    assert_same_index,
    context,
    expect,
    make_batch,
    make_index,
)
from pipeline.contract.subject import Subject
from pipeline.data.index import EpochPlan
from pipeline.models.build import build_model
from pipeline.spec.card import ANY_TASK
from pipeline.spec.optim import Sgd
from pipeline.strategies import CATALOGUE, AnyStrategy
from pipeline.strategies.base import Rng, Strategy, StrategyConfig
from pipeline.strategies.chain import Chain, overrides
from pipeline.tasks.classify import cross_entropy
from pipeline.training.network import Network, edited_model
from pipeline.training.optimizer import param_options
from pipeline.training.team import Team

HOOKS = tuple(
    name
    for name, value in vars(Strategy).items()
    if callable(value) and not name.startswith("_") and name != "load_state_dict"
)


def check_config(subject: Subject) -> None:
    """Valid, closed, frozen, the same after JSON, and with something to do."""
    config, trick = subject.config, subject.trick
    entry = TypeAdapter(AnyStrategy).validate_python(json.loads(config.model_dump_json()))
    expect(entry == config, f"after JSON it is another config: {entry!r} instead of {config!r}")
    settings = type(trick).model_config
    expect(bool(settings.get("frozen")), "the config can be changed; keep `frozen=True` of StrategyConfig")
    expect(settings.get("extra") == "forbid", "the config takes any field; keep `extra='forbid'` of StrategyConfig")
    expect(trick.version >= 1, f"version is {trick.version}; it counts from 1")
    runtime = trick.runtime
    used = [hook for hook in HOOKS if overrides(runtime, hook)]
    surgery = type(trick).edit_model is not StrategyConfig.edit_model
    own = [name for name, value in vars(runtime).items() if callable(value) and not name.startswith("_")]
    near = [match for name in own for match in difflib.get_close_matches(name, HOOKS, n=1)]
    hint = f"; did you mean {near[0]!r}?" if near else f"; hooks are {', '.join(HOOKS)}"
    if trick.changes_nothing:
        expect(not used and not surgery, f"it says that it changes nothing, but {runtime.__name__} overrides {used}")
    else:
        expect(bool(used) or surgery, f"{runtime.__name__} overrides no hook, so it does nothing{hint}")
    expect(
        overrides(runtime, "state_dict") == overrides(runtime, "load_state_dict"),
        f"{runtime.__name__} has only one of state_dict and load_state_dict; memory needs both",
    )


def check_card(subject: Subject) -> None:
    """Says what it is, when it helps or how it goes wrong, and what it cannot go with."""
    card = subject.trick.card
    expect(bool(card.title and card.family), "title and family must not be empty")
    expect(card.idea.endswith("."), f"idea: expected a sentence that ends with a full stop, not {card.idea!r}")
    expect(bool(card.pitfalls or card.helps_when), "say when it helps (helps_when) or how it goes wrong (pitfalls)")
    for pitfall in card.pitfalls:
        expect(pitfall.endswith((".", "!")), f"pitfalls: expected a sentence that ends with a full stop: {pitfall!r}")
    for other, reason in card.clashes.items():
        expect(other in CATALOGUE or ":" in other, f"clashes: there is no strategy {other!r}")
        expect(other != subject.name, "clashes: it cannot clash with itself")
        expect(bool(reason), f"clashes: say why it clashes with {other}")
    odd = sorted(card.tasks - ANY_TASK)
    known = ", ".join(sorted(ANY_TASK))
    expect(bool(card.tasks) and not odd, f"tasks: expected one or more of {known}, not {', '.join(odd) or 'none'}")


def at_work(subject: Subject, seed: int = 1) -> Strategy[Any]:
    """The strategy in a stage on the CPU."""
    return subject.trick.runtime(subject.trick, context(seed))


def small_network(subject: Subject) -> nn.Module:
    """A tiny network after the strategy's surgery."""
    torch.manual_seed(0)
    model = build_model(subject.stage().model, NUM_CLASSES)
    return edited_model(model, [subject.config], NUM_CLASSES, seed=0)


def epoch_plans(strategy: Strategy[Any]) -> list[EpochPlan]:
    """Every epoch as it plans it."""
    plans = [EpochPlan(epoch, IMAGE_PX, 64) for epoch in range(NUM_EPOCHS)]
    return [strategy.plan_epoch(plan, plan.epoch / NUM_EPOCHS) for plan in plans]


def transformed_rows(strategy: Strategy[Any]) -> list[np.ndarray]:
    """One image through each of its row transforms, sent as to another process."""
    image = np.random.default_rng(5).integers(0, 256, (IMAGE_PX, IMAGE_PX, 3), dtype=np.uint8)
    results = []
    for transform in strategy.row_transforms():
        untouched = image.copy()
        result = pickle.loads(pickle.dumps(transform))(image, np.random.default_rng(6), 1.0)
        expect(np.array_equal(image, untouched), f"{transform.name} writes into the image that it is given; copy it")
        expect(
            result.shape == image.shape and result.dtype == np.uint8,
            f"{transform.name}: expected {image.shape} uint8, got {result.shape} {result.dtype}",
        )
        still = transform(image, np.random.default_rng(6), 0.0)
        expect(np.array_equal(still, image), f"{transform.name} edits the image at strength 0; leave it alone there")
        results.append(result)
    return results


def check_hooks(subject: Subject) -> None:
    """Truth is kept, targets stay distributions, the caller's values are not edited."""
    strategy = at_work(subject)
    batch, index = make_batch(), make_index()
    before = replace(batch, **{n: getattr(batch, n).clone() for n in ("images", "labels", "targets")})
    index_before = replace(index, **{n: getattr(index, n).copy() for n in ("rows", "keys", "labels")})
    edited = strategy.edit_batch(batch, Rng.named(1, subject.name, 0, 0))
    assert_same_batch(batch, before, "edit_batch writes into the batch that it is given; return a new one")
    expect(torch.equal(edited.labels, before.labels), "edit_batch changes labels; evaluation reads them: edit targets")
    sums = edited.targets.sum(dim=1)
    expect(torch.allclose(sums, torch.ones_like(sums), atol=1e-5), f"edit_batch: rows of targets sum to {sums[0]:.4g}")
    expect(edited.targets.min().item() >= 0, "edit_batch: targets below 0")
    for name in ("images", "targets"):
        got, was = getattr(edited, name).dtype, getattr(before, name).dtype
        expect(got == was, f"edit_batch: {name} became {got}; expected {was}")
    lengths = {len(edited.images), len(edited.targets), len(edited.labels)}
    expect(len(lengths) == 1, f"edit_batch: images, targets and labels have {sorted(lengths)} rows")
    chosen = strategy.edit_dataset(index)
    assert_same_index(index, index_before, "edit_dataset writes into the index that it is given; return a new one")
    lengths = {len(chosen.rows), len(chosen.keys), len(chosen.labels)}
    expect(len(lengths) == 1, f"edit_dataset: rows, keys and labels have {sorted(lengths)} entries")
    expect(
        bool(((chosen.labels >= 0) & (chosen.labels < NUM_CLASSES)).all()), "edit_dataset: labels outside the classes"
    )
    known = {*index.rows.tolist(), *index.pool.rows.tolist()}
    expect(set(chosen.rows.tolist()) <= known, "edit_dataset: rows that are not in the data")
    for plan in epoch_plans(strategy):
        expect(
            1 <= plan.image_size_px <= IMAGE_PX,
            f"plan_epoch: {plan.image_size_px} px, but images are prepared for {IMAGE_PX}",
        )
    transformed_rows(strategy)
    model = small_network(subject)
    options = param_options(Sgd(), model)
    names = strategy.edit_params(dict(options), model).keys()
    expect(names == options.keys(), f"edit_params: adds or drops {', '.join(sorted(names ^ options.keys()))}")


def check_same_draws(subject: Subject) -> None:
    """Neither torch's nor numpy's global generator decides anything."""

    def decisions() -> dict[str, Any]:
        strategy = at_work(subject)
        return {
            "seed": strategy.stream_seed(1),
            "plans": epoch_plans(strategy),
            "rows": [row.tobytes() for row in transformed_rows(strategy)],
            "index": strategy.edit_dataset(make_index()),
            "batch": strategy.edit_batch(make_batch(), Rng.named(1, subject.name, 0, 0)),
        }

    def decisions_after(seed: int) -> dict[str, Any]:
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the global generator is what must not matter
        return decisions()

    # Both seeded: left as they are, the generators may stand where an earlier check has put them.
    numpy_state = np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            first, second = decisions_after(122), decisions_after(123)
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
    again = "not the same the second time; draw from the Rng (or the generator) that the hook is given"
    for name in ("seed", "plans", "rows"):
        expect(first[name] == second[name], f"{name}: {again}")
    assert_same_index(first["index"], second["index"], again)
    assert_same_batch(first["batch"], second["batch"], again)


def two_steps(subject: Subject) -> tuple[list[dict[str, float]], dict[str, Tensor], frozenset[str]]:
    """Loss terms of two steps of a tiny network, how much each parameter moved, and which may move."""
    model = small_network(subject)
    chain = Chain([subject.config], context())
    chain.add_helpers(model)
    network = Network(model, Team.alone(), "off")
    network.train_only(chain.trainable(model, 0))
    learning = frozenset(name for name, p in model.named_parameters() if p.requires_grad)
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    loss_fn = chain.wrap_loss(cross_entropy)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    (plan, *_) = chain.plan_epochs(IMAGE_PX, 8)
    num_unlabelled = len(make_batch().images) * plan.pool_ratio
    losses = []
    for step in range(2):
        network.train_mode()
        batch = chain.edit_batch(make_batch(seed=step, num_unlabelled=num_unlabelled), step, 0)
        terms = loss_fn(network.wrapped(batch.shown), batch)
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
        losses.append({name: float(term.detach()) for name, term in terms.items()})
    return losses, {name: p.detach() - start[name] for name, p in model.named_parameters()}, learning


def check_two_steps(subject: Subject) -> None:
    """The loss is finite, and exactly the parameters that may learn do."""
    losses, changes, learning = two_steps(subject)
    for terms in losses:
        wrong = [name for name, value in terms.items() if not np.isfinite(value)]
        expect(bool(terms) and not wrong, f"wrap_loss: {', '.join(wrong) or 'no term'} is not a finite number")
    expect(losses[0].keys() == losses[1].keys(), "wrap_loss: the second step has other terms than the first")
    for name, change in changes.items():
        expect(bool(torch.isfinite(change).all()), f"{name} is not finite after two steps")
        moved = change.abs().max().item() > 0
        expect(moved or name not in learning, f"{name} does not learn: no gradient reaches it")
        expect(not moved or name in learning, f"{name} learns although `trainable` leaves it out")
    expect(two_steps(subject)[0] == losses, "two steps from the same start give other losses the second time")
