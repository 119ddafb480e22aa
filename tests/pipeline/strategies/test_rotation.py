import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import rotate

from pipeline.data.ops import rotated
from pipeline.strategies import rotation
from pipeline.strategies.rotation import Rotate, RotationConfig
from tests.pipeline.strategies.contract import context
from tests.pipeline.strategies.pictures import as_array, as_tensor, picture

FILL = (120, 110, 90)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_it_is_torchvisions_rotation_by_the_drawn_angle(seed: int, strength: float) -> None:
    image = picture(seed=seed)
    got = Rotate(30.0, FILL)(image, np.random.default_rng(seed), strength)
    angle_deg = np.random.default_rng(seed).uniform(-30.0, 30.0) * strength
    theirs = rotate(as_tensor(image), angle_deg, InterpolationMode.BILINEAR, fill=[float(v) for v in FILL])
    np.testing.assert_array_equal(got, as_array(theirs))


def test_a_quarter_turn_moves_pixels_and_changes_none() -> None:
    image = picture(16)
    np.testing.assert_array_equal(rotated(image, 90.0, "nearest", FILL), np.rot90(image))


def test_the_corners_get_the_datas_mean() -> None:
    (turn,) = rotation.Rotation(RotationConfig(), context()).row_transforms()
    assert isinstance(turn, Rotate)
    assert turn.fill == (128, 128, 128)
    got = rotated(picture(), 45.0, "bilinear", FILL)
    assert got[0, 0].tolist() == got[-1, -1].tolist() == list(FILL)


def test_angles_are_even_over_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    angles: list[float] = []
    image = picture(8)
    monkeypatch.setattr(rotation, "rotated", lambda image, angle_deg, *_: angles.append(angle_deg))
    for i in range(2000):
        Rotate(20.0, FILL)(image, np.random.default_rng([3, i]), 0.5)
    assert stats.kstest(angles, stats.uniform(-10.0, 20.0).cdf).pvalue > 1e-3


@pytest.mark.parametrize("max_deg", [0.0, 181.0])
def test_impossible_angles_are_refused(max_deg: float) -> None:
    with pytest.raises(ValidationError, match="max_deg"):
        RotationConfig(max_deg=max_deg)
