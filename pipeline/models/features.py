"""What a network gives its classifier."""

from typing import Any, cast

from torch import Tensor, nn

from pipeline.models.heads import classifier_name


class FeatureTap:
    """Keeps what the classifier of a network was given in the last forward pass.

    Raises:
        SpecError: the network has no linear classifier.
    """

    def __init__(self, model: nn.Module, num_classes: int) -> None:
        head = cast(nn.Linear, model.get_submodule(classifier_name(model, num_classes)))
        self.num_features = head.in_features
        self._features: Tensor | None = None

        def keep(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self._features = inputs[0]

        head.register_forward_pre_hook(keep)

    def take(self) -> Tensor:
        """[N, D], of the last forward pass; once."""
        assert self._features is not None, "no forward pass since the last time"
        features, self._features = self._features, None
        return features
