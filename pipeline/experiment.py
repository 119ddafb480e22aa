"""What one training run is (a stage), what one trial is (an experiment), and when two are the same."""

import difflib
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.spec.base import Frozen, content_hash, identity_dump
from pipeline.spec.data import AnyData
from pipeline.spec.errors import Impossible, SpecError
from pipeline.spec.links import AnyInit, FromStage, Pretrained, Scratch, is_unseen, networks_in
from pipeline.spec.model import AnyModel, Timm
from pipeline.spec.optim import AnyOptimizer, Budget, Compile, MemoryFormat, Precision
from pipeline.spec.schedule import AnySchedule, Constant
from pipeline.strategies import CATALOGUE, AnyStrategy
from pipeline.strategies.base import Strategy
from pipeline.strategies.chain import overrides
from pipeline.tasks.catalogue import AnyTask
from pipeline.tasks.classify import Classify

IDENTITY_VERSION = 3  # raise it when every number of the training loop changes


def _known_kinds(value: Any) -> Any:
    """A typo in a kind names the nearest one (pydantic's own message lists all)."""
    if isinstance(value, list | tuple):
        for i, item in enumerate(value):
            kind = item.get("kind") if isinstance(item, dict) else None
            if isinstance(kind, str) and kind not in CATALOGUE:
                near = difflib.get_close_matches(kind, CATALOGUE, n=1, cutoff=0.4)
                hint = f"did you mean {near[0]!r}?" if near else f"known kinds: {', '.join(CATALOGUE)}"
                raise ValueError(f"item {i}: there is no strategy {kind!r}; {hint}")
    return value


Strategies = Annotated[tuple[AnyStrategy, ...], BeforeValidator(_known_kinds)]


def in_catalogue_order(strategies: tuple[AnyStrategy, ...]) -> tuple[AnyStrategy, ...]:
    """Equal sets hash equal: the order is the catalogue's, whatever was written."""
    order = {kind: i for i, kind in enumerate(CATALOGUE)}
    return tuple(sorted(strategies, key=lambda s: (order[s.kind], s.key)))


class Training(Frozen):
    """The fields of any training run."""

    data: AnyData
    model: AnyModel
    optimizer: AnyOptimizer
    schedule: AnySchedule = Constant()
    budget: Budget = Budget()
    precision: Precision = "auto"
    memory_format: MemoryFormat = "channels_last"
    compile: Compile = "off"
    init: AnyInit = Scratch()
    strategies: Strategies = ()

    @model_validator(mode="after")
    def _strategies_fit(self) -> Self:
        keys = [s.key for s in self.strategies]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"strategies: {', '.join(twice)} given more than once; each may appear once")
        for strategy in self.strategies:
            clashes = strategy.trick.card.clashes
            for other in sorted(clashes.keys() & set(keys)):
                raise Impossible(
                    f"strategies: {strategy.key} clashes with {other}: {clashes[other]}; switch one of them off"
                )
            if reason := strategy.fault(self):
                raise Impossible(f"strategies: {strategy.key}: {reason}")
        for hook in Strategy.EXCLUSIVE:
            owners = [s.key for s in self.strategies if overrides(s.trick.runtime, hook)]
            if len(owners) > 1:
                raise Impossible(
                    f"strategies: {' and '.join(owners)} both decide `{hook}`, which only one can; switch one "
                    "of them off"
                )
        if fault := self.schedule.fault(self.budget.epochs):
            raise ValueError(fault)
        if self.schedule.momentum_at(0.0, self.budget.epochs) is not None and not self.optimizer.has_momentum:
            raise Impossible(
                f"schedule {self.schedule.kind} cycles the momentum, which is 0 in optimizer {self.optimizer.kind}; "
                "set schedule.momentum: null, or give the optimizer momentum"
            )
        if isinstance(self.init, Pretrained) and not isinstance(self.model, Timm):
            raise Impossible(
                f"init: timm has no pretrained weights for model.kind={self.model.kind}; choose a model of kind timm, "
                "or start from_file"
            )
        ordered = in_catalogue_order(self.strategies)
        if ordered != self.strategies:
            object.__setattr__(self, "strategies", ordered)  # still under construction
        return self


class StageSpec(Training):
    """One training run."""

    name: str = "main"
    task: AnyTask = Classify()

    @model_validator(mode="after")
    def _task_fits(self) -> Self:
        for strategy in self.strategies:
            tasks = strategy.trick.card.tasks
            if self.task.kind not in tasks:
                raise Impossible(
                    f"strategies: {strategy.key} is for stages of task {', '.join(sorted(tasks))}, but stage "
                    f"{self.name!r} is of task {self.task.kind}; leave it out of this stage"
                )
        if reason := self.task.fault(self):
            raise Impossible(f"stage {self.name!r}: {reason}")
        return self

    def needs(self) -> tuple[str, ...]:
        """Names of the earlier stages this one reads."""
        start = (self.init.stage,) if isinstance(self.init, FromStage) else ()
        return start + tuple(name for s in self.strategies for name in s.needs())

    def identity(self, fingerprint: str, ancestors: dict[str, str]) -> str:
        """Content hash: the same numbers on the same data, whatever the names and paths.

        Args:
            fingerprint: of the data; stands in for its path.
            ancestors: name of each needed stage -> its hash; stands in for the name.

        Raises:
            SpecError: it starts from weights that have not been looked at, whose content is part of the identity.
        """
        dump = identity_dump(self)
        del dump["name"]
        teachers = [network.weights for strategy in self.strategies for network in networks_in(strategy)]
        for where, weights in [("init", self.init), *(("teacher", weights) for weights in teachers)]:
            if is_unseen(weights):
                raise SpecError(
                    f"stage {self.name}: {where} of kind {weights.kind} has no sha256 yet, and what weights hold is "
                    "part of the identity; plan the stage first, or give `from_file` the sha256 of its file"
                )
        seen_by_fingerprint = ("path", "classes", "labeled_frac", "unlabeled")
        dump["data"] = {k: v for k, v in dump["data"].items() if k not in seen_by_fingerprint}
        dump["data"]["fingerprint"] = fingerprint
        for strategy, config in zip(dump["strategies"], self.strategies, strict=True):
            strategy["version"] = config.trick.version
            if config.trick is not config:  # whoever wrote it may name stages in any field
                strategy["needs"] = [ancestors[name] for name in config.needs()]
        replaced = _replaced(dump, ancestors)
        return content_hash({"identity_version": IDENTITY_VERSION, "stage": replaced})


def _replaced(value: Any, ancestors: dict[str, str]) -> Any:
    """Stages by the hashes that stand for their names; files without their path, for which their sha256 stands."""
    if isinstance(value, dict):
        if value.get("kind") == "from_file":
            value = {k: v for k, v in value.items() if k != "path"}
        return {
            k: ancestors[v] if k == "stage" and isinstance(v, str) and v in ancestors else _replaced(v, ancestors)
            for k, v in value.items()
        }
    if isinstance(value, list):
        return [_replaced(item, ancestors) for item in value]
    return value


class StageList(Frozen):
    """The stages of one trial, in an order in which they can run."""

    stages: tuple[StageSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _refs_exist(self) -> Self:
        earlier: list[str] = []
        for stage in self.stages:
            for name in stage.needs():
                if name not in earlier:
                    raise ValueError(f"stage {stage.name!r} needs stage {name!r}, but the earlier stages are {earlier}")
            if stage.name in earlier:
                raise ValueError(f"two stages are named {stage.name!r}")
            earlier.append(stage.name)
        return self
