"""A small convolutional network for demonstrations and tests."""

from torch import Tensor, nn


class SmallCnnNet(nn.Module):
    """Three 3x3 convolutions with batch norm (the first two halve the size), global average pooling, a linear head."""

    def __init__(self, num_classes: int, width: int, drop_rate: float) -> None:
        super().__init__()

        def block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
            conv = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
            return [conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]

        self.features = nn.Sequential(*block(3, width, 2), *block(width, 2 * width, 2), *block(2 * width, 4 * width, 1))
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(drop_rate), nn.Linear(4 * width, num_classes)
        )

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, H, W] -> [N, K] logits."""
        return self.head(self.features(images))

    def get_classifier(self) -> nn.Module:
        """The last layer, as timm's networks name it."""
        return self.head[-1]

    def group_matcher(self, coarse: bool = False) -> dict[str, str]:
        """Blocks from stem to head as timm's networks group theirs: convolution and norm; what matches none is head."""
        return {name: rf"^features\.[{first}-{first + 2}]\." for name, first in (("stem", 0), ("b1", 3), ("b2", 6))}
