import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pipeline.data.handle import DataHandle
from pipeline.data.plan import train_batches
from pipeline.data.prepared import PixelReader
from pipeline.data.render import render
from pipeline.result import BatchPicture
from pipeline.tasks.classify import one_hot
from pipeline.training.loop import EpochReport
from pipeline.training.setup import build_setup
from pipeline.training.sheet import batch_picture, batch_strip, caption
from pipeline.training.team import Team
from pipeline.types import Batch
from tests.pipeline.stages import digits_stage, stage_job, train_alone

MEAN, STD = torch.tensor([0.2, 0.4, 0.6]), torch.tensor([0.5, 0.25, 0.1])


def picture_of(*batches: np.ndarray) -> BatchPicture:
    """Each [N, S, S, 3] uint8, normalized as for the network."""
    strips = []
    for epoch, pixels in enumerate(batches):
        images = ((torch.from_numpy(pixels).float() / 255 - MEAN) / STD).permute(0, 3, 1, 2)
        labels = torch.arange(len(images)) % 3
        strips.append(batch_strip(Batch(images, labels, one_hot(labels, 3)), MEAN, STD, epoch))
    picture = batch_picture(strips)
    assert picture is not None
    return picture


def pixels_of(picture: BatchPicture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.webp)).convert("RGB"))


@pytest.mark.parametrize("count", [1, 3, 8, 20])
def test_small_tiles_are_the_very_pixels(count: int) -> None:
    draws = np.random.default_rng(0)
    small, large = (draws.integers(0, 256, (count, side, side, 3), dtype=np.uint8) for side in (12, 16))
    picture = picture_of(small, large)
    canvas, shown = pixels_of(picture), min(count, 8)
    assert canvas.shape == (picture.sheets.height_px, picture.sheets.width_px, 3) == (28, 16 * shown, 3)
    for sheet, batch in zip(picture.sheets.sheets, (small, large), strict=True):
        side, top = sheet.tile_px, sheet.top_px
        assert (sheet.image_size_px, len(sheet.tiles)) == (batch.shape[1], shown)
        for i in range(shown):
            np.testing.assert_array_equal(canvas[top : top + side, i * side : (i + 1) * side], batch[i])


def test_photographs_are_shrunk_and_nearly_kept() -> None:
    ramp = np.linspace(0, 255, 256)
    photo = np.stack([np.tile(ramp, (256, 1)), np.tile(ramp[:, None], (1, 256)), np.full((256, 256), 90.0)], axis=-1)
    picture = picture_of(np.stack([photo, photo]).astype(np.uint8))
    (sheet,) = picture.sheets.sheets
    assert (sheet.image_size_px, sheet.tile_px, picture.sheets.width_px) == (256, 96, 192)
    expected = np.asarray(Image.fromarray(photo.astype(np.uint8)).resize((96, 96), Image.Resampling.BILINEAR))
    off = np.abs(pixels_of(picture)[:, 4:92].astype(int) - expected[:, 4:92])
    assert off.mean() < 4


def test_values_outside_the_range_are_clipped() -> None:
    labels = torch.zeros(1, dtype=torch.int64)
    batch = Batch(torch.full((1, 3, 4, 4), 100.0), labels, one_hot(labels, 2))
    picture = batch_picture([batch_strip(batch, MEAN, STD, 0)])
    assert picture is not None and (pixels_of(picture) == 255).all()


def test_views_of_one_image_lie_beside_each_other_without_a_target() -> None:
    """A batch has all first views before all second ones."""
    levels = torch.tensor([10, 20, 30, 40, 50, 110, 120, 130, 140, 150])
    images = (levels.float()[:, None, None, None] / 255).expand(-1, 3, 4, 4)
    labels = torch.zeros(10, dtype=torch.int64)
    batch = Batch(images, labels, one_hot(labels, 2), num_views=2)
    strip = batch_strip(batch, torch.zeros(3), torch.ones(3), 0, with_targets=False)
    picture = batch_picture([strip])
    assert picture is not None
    assert pixels_of(picture)[0, ::4, 0].tolist() == [10, 110, 20, 120, 30, 130, 40, 140]
    assert all(tile.targets == () and tile.each_other == 0 for tile in picture.sheets.sheets[0].tiles)


def test_what_a_task_hides_is_grey() -> None:
    labels = torch.zeros(1, dtype=torch.int64)
    mask = torch.tensor([[True, False, False, True]])
    batch = Batch(torch.ones(1, 3, 4, 4), labels, one_hot(labels, 2), mask=mask)
    picture = batch_picture([batch_strip(batch, torch.zeros(3), torch.ones(3), 0)])
    assert picture is not None
    top, bottom = [128, 128, 255, 255], [255, 255, 128, 128]
    assert pixels_of(picture)[..., 0].tolist() == [top, top, bottom, bottom]


def test_no_batch_no_picture() -> None:
    assert batch_picture([]) is None


@pytest.mark.parametrize(
    ("target", "named", "each_other"),
    [
        ([0.0, 1.0, 0.0], [(1, 1.0)], 0.0),
        ([0.7, 0.0, 0.3], [(0, 0.7), (2, 0.3)], 0.0),
        ([0.05, 0.85, 0.05, 0.05], [(1, 0.85)], 0.05),  # smoothed
        ([0.25, 0.25, 0.25, 0.25], [], 0.25),
    ],
)
def test_captions_say_what_the_loss_is_told(
    target: list[float], named: list[tuple[int, float]], each_other: float
) -> None:
    tile = caption(torch.tensor(target))
    assert [(share.label, share.weight) for share in tile.targets] == named
    assert tile.each_other == each_other


def test_the_sheet_is_the_first_batch_after_its_mixup(digits: DataHandle, tmp_path: Path) -> None:
    """By hand: the planned rows, rendered, and the strategies applied once more."""
    spec = digits_stage({"kind": "mixup", "alpha": 1.0})
    job = stage_job(spec, tmp_path)
    result = train_alone(job, digits)
    setup = build_setup(job, digits, Team.alone())
    planned = next(train_batches(setup.index, setup.plans[0], 1, setup.chain.seed, 0, 1))
    pixels = render(planned, spec.data, (), setup.chain.seed, PixelReader(digits.prepared))
    mean, std = torch.tensor(spec.data.mean), torch.tensor(spec.data.std)
    images = ((torch.from_numpy(pixels) / 255 - mean) / std).permute(0, 3, 1, 2)
    labels = torch.from_numpy(planned.labels.copy())
    mixed = setup.chain.edit_batch(Batch(images, labels, one_hot(labels, 10)), 0, 0)
    assert result.batches is not None
    expected = ((mixed.images[:8] * std[:, None, None] + mean[:, None, None]).clamp(0, 1) * 255).round()
    row = expected.permute(2, 0, 3, 1).reshape(16, 128, 3).to(torch.uint8).numpy()
    np.testing.assert_array_equal(pixels_of(result.batches), row)
    tiles = result.batches.sheets.sheets[0].tiles
    for tile, target in zip(tiles, mixed.targets, strict=False):
        assert {share.label: share.weight for share in tile.targets} == {
            k: round(float(weight), 4) for k, weight in enumerate(target) if weight > 0
        }
    assert any(len(tile.targets) == 2 for tile in tiles)


def test_every_size_has_its_sheet_and_a_resumed_run_the_true_first(digits: DataHandle, tmp_path: Path) -> None:
    class Cut(Exception):
        pass

    def cut(report: EpochReport) -> None:
        if report.epoch == 2:
            raise Cut

    spec = digits_stage({"kind": "progressive_resizing", "from_px": 8})
    whole = train_alone(stage_job(spec, tmp_path / "whole"), digits).batches
    job = stage_job(spec, tmp_path / "cut")
    with pytest.raises(Cut):
        train_alone(job, digits, cut)
    resumed = train_alone(job, digits).batches
    assert whole is not None
    assert [(s.image_size_px, s.epoch) for s in whole.sheets.sheets] == [(8, 0), (12, 1), (16, 2)]
    assert resumed == whole
