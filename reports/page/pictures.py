"""Pictures of the page: each kept once, and shown in part, as a whole or with a heat map over it, by reference.

A browser knows the format of a picture by its first bytes, so any of WebP, PNG and JPEG may be given.
"""

import base64
from dataclasses import dataclass, field

from markupsafe import Markup

KINDS = {b"RIFF": "webp", b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg"}
PIXELATED_BELOW_PX = 40  # a digit of 8 pixels is looked at pixel by pixel; smoothed it would be a smear


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of a picture, in its pixels."""

    left: float
    top: float
    width: float
    height: float


def data_uri(content: bytes) -> str:
    """The picture as an address that needs no host.

    Raises:
        ValueError: it is no WebP, PNG or JPEG.
    """
    kind = next((name for start, name in KINDS.items() if content.startswith(start)), None)
    if kind is None:
        raise ValueError(f"a picture starts with {content[:8]!r}; WebP, PNG or JPEG was expected")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


@dataclass
class PictureBook:
    """The pictures that the page refers to. Equal ones are kept once."""

    prefix: str
    _kept: dict[bytes, tuple[str, int, int]] = field(default_factory=dict)

    def show(self, content: bytes, size: tuple[int, int], part: Part, label: str, over: Markup | None = None) -> Markup:
        """A drawing of a part of a picture.

        Args:
            content: the file.
            size: its width and height, pixels.
            part: what is shown.
            label: the text alternative.
            over: drawn above it, in the picture's pixels.
        """
        name, _, _ = self._kept.setdefault(content, (f"{self.prefix}-{len(self._kept)}", *size))
        return Markup(
            '<svg class="tile" viewBox="{:g} {:g} {:g} {:g}" role="img" aria-label="{}"><title>{}</title>'
            '<use href="#{}"/>{}</svg>'
        ).format(part.left, part.top, part.width, part.height, label, label, name, over or "")

    def pages(self) -> Markup:
        """The pictures themselves, shown nowhere: to be put into the page once."""
        images = Markup("").join(
            Markup('<image id="{}" width="{}" height="{}" href="{}"{}/>').format(
                name, width, height, data_uri(content), _rendering(min(width, height))
            )
            for content, (name, width, height) in self._kept.items()
        )
        return Markup('<svg class="book" aria-hidden="true">{}</svg>').format(images) if images else Markup("")


def _rendering(side_px: int) -> Markup:
    return Markup(' style="image-rendering:pixelated"') if side_px < PIXELATED_BELOW_PX else Markup("")
