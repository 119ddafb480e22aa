"""The pictures of a made-up study: what runs and the data leave for people to look at."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.spec.pictures import BatchSheet, BatchSheets, SheetTile, TargetShare

NUM_THUMBNAILS, NUM_HEAT = 120, 64
SIDE_PX, MAP_SIDE = 48, 6


def tile(number: int, side_px: int = SIDE_PX) -> np.ndarray:
    """[side, side, 3] uint8: stripes that are this number's own."""
    a, b = np.random.default_rng(number).uniform(0.5, 3, 2)
    y, x = np.mgrid[0:side_px, 0:side_px] / side_px
    waves = np.stack([np.sin(a * x * 6 + b) * 0.5 + 0.5, np.cos(b * y * 5) * 0.5 + 0.5, (x + y) / 2], -1)
    return (waves * 255).astype(np.uint8)


def webp(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=75)
    return buffer.getvalue()


def write_thumbnails(home: Path, fingerprint: str) -> None:
    """Of the images that `fixtures.predictions` speaks of, in an order that is not theirs."""
    order = np.random.default_rng(5).permutation(460)[:NUM_THUMBNAILS]
    files = [webp(tile(int(i))) for i in order]
    (home / "thumbnails").mkdir(exist_ok=True)
    np.savez(
        home / "thumbnails" / f"{fingerprint}.npz",
        id=np.array([f"a/{i}.jpg" for i in order]),
        side_px=np.full(len(order), SIDE_PX),
        start=np.cumsum([0, *map(len, files)]),
        webp=np.frombuffer(b"".join(files), np.uint8),
    )


def write_run_pictures(folder: Path, blended: bool, columns: dict[str, np.ndarray]) -> None:
    """A sheet at two sizes and heat maps.  columns: the run's predictions."""
    tiles = [tile(i) for i in range(8)]
    targets = [SheetTile(targets=(TargetShare(label=i % 4, weight=1.0),)) for i in range(8)]
    if blended:
        tiles = [(0.7 * a + 0.3 * b).astype(np.uint8) for a, b in zip(tiles, tiles[1:] + tiles[:1], strict=True)]
        shares = [(TargetShare(label=i % 4, weight=0.7), TargetShare(label=(i + 1) % 4, weight=0.3)) for i in range(8)]
        targets = [SheetTile(targets=pair) for pair in shares]
    small = [one[::2, ::2] for one in tiles]
    canvas = np.full((SIDE_PX * 3 // 2, SIDE_PX * 8, 3), 255, np.uint8)
    canvas[: SIDE_PX // 2, : SIDE_PX * 4] = np.concatenate(small, 1)
    canvas[SIDE_PX // 2 :] = np.concatenate(tiles, 1)
    rows = [(0, SIDE_PX // 2, 0), (6, SIDE_PX, SIDE_PX // 2)]
    sheets = [
        BatchSheet(epoch=epoch, image_size_px=2 * side, tile_px=side, top_px=top, tiles=tuple(targets))
        for epoch, side, top in rows
    ]
    info = BatchSheets(width_px=canvas.shape[1], height_px=canvas.shape[0], sheets=tuple(sheets))
    (folder / "batches.webp").write_bytes(webp(canvas))
    (folder / "batches.json").write_text(info.model_dump_json())
    pick = np.random.default_rng(5).permutation(460)[:NUM_HEAT]
    y, x = np.mgrid[0:MAP_SIDE, 0:MAP_SIDE]
    peaks = np.random.default_rng(6).integers(0, MAP_SIDE, (NUM_HEAT, 2, 1, 1))
    heat = 255 * np.exp(-((y - peaks[:, 0]) ** 2 + (x - peaks[:, 1]) ** 2) / 3)
    found = {name: columns[f"val/{name}"][pick] for name in ("id", "label", "predicted", "confidence")}
    np.savez(folder / "explain.npz", heat=heat.astype(np.uint8), crop_frac=np.asarray(0.875), **found)  # type: ignore[arg-type]
