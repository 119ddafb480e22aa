"""Loss terms of an epoch, and the agreement of all ranks that they are finite."""

from dataclasses import dataclass, field

import torch

from pipeline.spec.errors import Diverged
from pipeline.training.team import Team

FINITE = float("inf")  # "no bad step yet"; a minimum over ranks finds the first


@dataclass
class EpochSums:
    """Kept on the device so that no step waits for the host."""

    device: torch.device
    terms: dict[str, torch.Tensor] = field(default_factory=dict)
    first_bad_step: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.first_bad_step = torch.tensor(FINITE, device=self.device)

    def add(self, terms: dict[str, torch.Tensor], step: int) -> None:
        """One step's terms."""
        for name, term in terms.items():
            self.terms[name] = self.terms[name] + term if name in self.terms else term
        finite = torch.isfinite(torch.stack(list(terms.values())).sum())
        self.first_bad_step = torch.where(finite, self.first_bad_step, self.first_bad_step.clamp(max=step))

    def agree(self, team: Team) -> None:
        """Raise on every rank at once if any rank has seen a loss that is not finite."""
        first = float(team.minimum(self.first_bad_step))
        if first != FINITE:
            raise Diverged(f"the training loss is not finite at step {int(first)}", int(first))

    def means(self, team: Team, steps: int) -> dict[str, float]:
        """Mean of each term over steps and ranks, and their sum as `loss`."""
        names = sorted(self.terms)
        total = team.sum(torch.stack([self.terms[name].float() for name in names])) / (steps * team.world_size)
        means = dict(zip(names, total.tolist(), strict=True))
        return {"loss": sum(means.values()), **means}
