"""A small convolutional network for demonstrations and tests."""

from typing import Any

from torch import Tensor, nn


class SmallCnnNet(nn.Module):
    """Three 3x3 convolutions with batch norm (the first two halve the size), global average pooling, a linear head.

    Speaks timm's protocol as far as surgery and transfer need it.
    """

    def __init__(self, num_classes: int, width: int, drop_rate: float) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
            conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            return [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.num_classes = num_classes
        self.num_features = 4 * width
        widths = enumerate((width, 2 * width, 4 * width))
        self.feature_info = [{"module": f"features.{3 * i + 2}", "num_chs": channels} for i, channels in widths]
        self.features = nn.Sequential(*block(3, width, 2), *block(width, 2 * width, 2), *block(2 * width, 4 * width, 1))
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(drop_rate), nn.Linear(4 * width, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, K] logits."""
        return self.forward_head(self.forward_features(images))

    def forward_features(self, images: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, D, H / 4, W / 4], rounded up."""
        return self.features(images)

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        """[N, D, H, W] -> [N, K] logits, or [N, D] before the classifier."""
        return self.head[:-1](features) if pre_logits else self.head(features)

    def get_classifier(self) -> nn.Module:
        """The layer that makes the logits."""
        return self.head[-1]

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Parameter names by depth, for timm.models.group_parameters: stem, two blocks, and the head behind them."""
        del coarse  # a stage is one block
        return {"stem": r"^features\.[0-2]\.", "blocks": [(r"^features\.[3-5]\.", (0,)), (r"^features\.[6-8]\.", (1,))]}
