"""How long a training step takes on this machine, for stages that nobody has run yet: a guess within a few seconds."""

import math
import time
from collections.abc import Callable

import torch

from ablations.planning.stage_checks import pictures_per_image
from pipeline.experiment import StageSpec
from pipeline.models.build import build_model
from pipeline.training.footprint import footprint
from pipeline.training.precision import number_format

BUDGET_S = 10.0
SMALL, LARGE = 2, 16  # images at once; batch norm needs two
LARGE_STEPS = 2


class StepProbe:
    """Times forward and backward on made-up images: of few at first, of more where the budget has room for them.

    When the budget is spent, the seconds of another network follow from its FLOPs and those of the timed ones. So the
    whole takes about the budget, or a step of two images of one network where that is longer.
    """

    def __init__(self, budget_s: float = BUDGET_S, clock: Callable[[], float] = time.perf_counter) -> None:
        """Start with the whole budget.

        Args:
            budget_s: seconds for all networks together.
            clock: tells seconds.
        """
        self._left_s = budget_s
        self._clock = clock
        self._image_s: dict[tuple[str, int, str], float] = {}
        self._per_gflop_s: list[float] = []
        self.num_rough = 0  # networks timed on fewer images than others, or judged by their FLOPs

    def step_s(self, spec: StageSpec, num_classes: int) -> float:
        """Seconds of one training step of the stage's whole batch."""
        key = (spec.model.model_dump_json(), spec.data.image_size_px, spec.precision)
        if key not in self._image_s:
            self._image_s[key] = self._seconds_of_an_image(spec, num_classes)
        return self._image_s[key] * pictures_per_image(spec) * spec.budget.batch_size

    def _seconds_of_an_image(self, spec: StageSpec, num_classes: int) -> float:
        counted = footprint(spec.model, (), num_classes, spec.data.image_size_px).bare
        gflops = counted.gflops if counted is not None else 0.0
        if self._left_s <= 0 and gflops and self._per_gflop_s:
            self.num_rough += 1
            return gflops * sum(self._per_gflop_s) / len(self._per_gflop_s)
        start = self._clock()
        found = self._timed(spec, num_classes)
        self._left_s -= self._clock() - start
        if gflops:
            self._per_gflop_s.append(found / gflops)
        return found

    def _timed(self, spec: StageSpec, num_classes: int) -> float:
        model = build_model(spec.model, num_classes).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        end = self._clock() + self._left_s / 2  # half is left to the other networks
        best, timed = math.inf, 0
        for num_images in (SMALL, *[min(LARGE, spec.budget.batch_size)] * LARGE_STEPS):
            if timed and self._clock() + best * num_images > end:
                self.num_rough += timed == SMALL
                break
            size = spec.data.image_size_px
            images = torch.zeros(num_images, 3, size, size).contiguous(memory_format=torch.channels_last)
            start = self._clock()
            with number_format(spec.precision if spec.precision != "auto" else "fp32", "cpu"):
                model(images).float().logsumexp(dim=1).sum().backward()
            best = min(best, (self._clock() - start) / num_images)
            timed = num_images
        return best
