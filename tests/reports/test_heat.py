import io

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from reports.page.heat import OPACITY, heat_png, palette


@pytest.mark.parametrize("shape", [(1, 1), (4, 7), (7, 7), (24, 24)])
def test_another_decoder_reads_every_place(shape: tuple[int, int]) -> None:
    heat = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image = Image.open(io.BytesIO(heat_png(heat)))
    assert image.size == shape[::-1]
    np.testing.assert_array_equal(np.asarray(image), heat)
    colours, opacity = palette()
    np.testing.assert_array_equal(np.asarray(image.convert("RGBA")), np.dstack([colours[heat], opacity[heat]]))


def test_the_colours_are_those_of_inferno() -> None:
    expected = 255 * colormaps["inferno"](np.arange(256))[:, :3]
    assert np.abs(palette()[0] - expected).max() < 11
    assert palette()[1][[0, 255]].tolist() == [round(255 * share) for share in OPACITY]
