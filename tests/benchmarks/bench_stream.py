"""Images per second delivered to a worker, beside the DataLoaders that people would use instead.

Run: python -m tests.benchmarks.bench_stream --photos FOLDER --small PARQUET [--repeats 5]
Photos are cropped to 160 px, small images to 32 px, all are mirrored half of the time, and everybody ends with uint8
batches. Whole epochs, waits included. All ways take turns in every repeat; a ratio is taken within a repeat, and
medians with their range are printed. Without --photos or --small, images are made.
"""

import argparse
import io
import logging
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms import v2

from ablations.running.cluster import connect
from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.index import EpochPlan
from pipeline.data.plan import train_batches
from pipeline.data.prepare import prepare
from pipeline.data.prepared import PixelReader, Prepared
from pipeline.data.sources import scan
from pipeline.data.stream import StreamShare, open_stream
from pipeline.spec.data import AnyData, ImageFolder, Parquet
from tests.benchmarks.photos import add_photos

NUM_WORKERS = 2
PHOTO_PX, PHOTO_BATCH = 160, 64
SMALL_PX, SMALL_BATCH = 32, 512
Epoch = Callable[[], int]  # delivers one epoch and returns how many images came


def crop_and_flip(size_px: int) -> v2.Compose:
    """Torchvision's, with the area range of our default."""
    return v2.Compose([v2.RandomResizedCrop(size_px, scale=(0.35, 1.0), antialias=True), v2.RandomHorizontalFlip()])


class Decoding(Dataset):
    """The usual way: read, decode, crop, mirror."""

    def __init__(self, paths: list[str]) -> None:
        self._paths, self._transform = paths, crop_and_flip(PHOTO_PX)

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self._transform(decode_jpeg(read_file(self._paths[i])))


class Mapped(Dataset):
    """The same prepared uint8 images as ours, mapped into memory."""

    def __init__(self, prepared: Prepared, rows: np.ndarray) -> None:
        self._reader, self._rows, self._transform = PixelReader(prepared), rows, crop_and_flip(PHOTO_PX)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: int) -> torch.Tensor:
        (image,) = self._reader.images(self._rows[i : i + 1])
        return self._transform(torch.from_numpy(image).permute(2, 0, 1))


class InMemory(Dataset):
    """One array of small images."""

    def __init__(self, images: torch.Tensor) -> None:
        self._images, self._transform = images, crop_and_flip(SMALL_PX)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self._transform(self._images[i])


def loader_epoch(dataset: Dataset, batch: int) -> Epoch:
    """Workers stay up between epochs, so that they pay for their start only once."""
    loader = DataLoader(dataset, batch, shuffle=True, num_workers=NUM_WORKERS, drop_last=True, persistent_workers=True)
    return lambda: sum(len(images) for images in loader)


def our_epoch(spec: AnyData, data: DataHandle, size_px: int, batch: int, share: StreamShare) -> Epoch:
    """A stream of its own for every epoch, so that its start is paid for, too."""
    number = count()

    def epoch() -> int:
        plan = train_batches(data.train, EpochPlan(next(number), size_px, batch), 1, 0, 0, 1)
        stream = open_stream(plan, spec, (), 0, data.prepared, share)
        delivered = sum(len(pixels) for _, pixels in stream)
        stream.close()
        return delivered

    return epoch


def seconds(run: Callable[[], Any]) -> float:
    """Wall time."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(title: str, ours: dict[str, Epoch], theirs: dict[str, Epoch], repeats: int) -> None:
    """Print rates, and the ratio of each of ours to each of theirs."""
    ways = ours | theirs
    for epoch in ways.values():
        epoch()  # processes and page cache are warm on all sides
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, epoch in ways.items():
            start = time.perf_counter()
            rates[name].append(epoch() / (time.perf_counter() - start))
    print(f"\n{title}")
    for name, values in rates.items():
        print(f"  {name:<34} {statistics.median(values):8.0f} img/s ({min(values):.0f} to {max(values):.0f})")
    for mine in ours:
        for other in theirs:
            pairs = [a / b for a, b in zip(rates[mine], rates[other], strict=True)]
            print(f"  {mine} / {other}: {show(pairs)}")


def show(pairs: list[float]) -> str:
    """A median with its range."""
    return f"{statistics.median(pairs):.2f}x ({min(pairs):.2f} to {max(pairs):.2f}), n = {len(pairs)}"


def cold(spec: ImageFolder, cache: Path, repeats: int) -> None:
    """From a folder to the end of the first epoch: nothing listed, nothing prepared. Ray is up on our side."""
    pairs = []
    for _ in range(repeats):
        shutil.rmtree(cache, ignore_errors=True)

        def ours() -> None:
            listing = scan(spec)
            data = make_handle(listing, prepare(spec, listing, cache))
            our_epoch(spec, data, PHOTO_PX, PHOTO_BATCH, StreamShare(NUM_WORKERS))()

        def theirs() -> None:
            paths = sorted(str(path) for path in (Path(spec.path) / "train").rglob("*.jpg"))
            loader_epoch(Decoding(paths), PHOTO_BATCH)()

        mine, other = seconds(ours), seconds(theirs)
        print(f"  ours {mine:.2f} s, DataLoader that decodes {other:.2f} s")
        pairs.append(other / mine)
    print(f"  first epoch of a cold study, speed of ours / DataLoader that decodes: {show(pairs)}")


def make_photos(folder: Path) -> Path:
    """1,500 JPEGs of 341 x 256 pixels in two classes."""
    rng = np.random.default_rng(0)
    for i in range(1500):
        coarse = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        path = folder / ("train" if i < 1300 else "val") / f"class{i % 2}" / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((341, 256), Image.Resampling.BICUBIC).save(path, quality=88)
    return folder


def make_small(folder: Path) -> Path:
    """20,000 PNGs of 32 x 32 pixels in ten classes."""
    rng = np.random.default_rng(0)
    rows = []
    for i in range(20_000):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(buffer, "PNG", compress_level=1)
        rows.append({"image": {"bytes": buffer.getvalue(), "path": f"{i}.png"}, "label": i % 10})
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "train.parquet")
    return folder


def main() -> None:
    """Three comparisons."""
    parser = argparse.ArgumentParser()
    add_photos(parser)
    parser.add_argument("--small", type=Path, default=os.environ.get("SMALL"), help="or $SMALL")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    connect()  # as `ablate run` starts Ray on one machine
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        photos = ImageFolder(path=str(args.photos or make_photos(scratch / "photos")), image_size_px=PHOTO_PX)
        listing = scan(photos)
        data = make_handle(listing, prepare(photos, listing, scratch / "cache"))
        rows = data.train.rows
        paths = [f"{photos.path}/{listing.ids[row]}" for row in rows]
        compare(
            f"{len(paths)} photographs, crop and flip at {PHOTO_PX} px",
            {
                "our stream, two threads": our_epoch(photos, data, PHOTO_PX, PHOTO_BATCH, StreamShare(NUM_WORKERS)),
                "our stream, Ray Data on 2 CPUs": our_epoch(
                    photos, data, PHOTO_PX, PHOTO_BATCH, StreamShare(task_cpus=NUM_WORKERS)
                ),
            },
            {
                "DataLoader that decodes": loader_epoch(Decoding(paths), PHOTO_BATCH),
                "DataLoader over the prepared images": loader_epoch(
                    Mapped(data.prepared, data.train.rows), PHOTO_BATCH
                ),
            },
            args.repeats,
        )
        cold(photos, scratch / "cold", args.repeats)

        small = Parquet(path=str(args.small or make_small(scratch / "small")), image_size_px=SMALL_PX)
        listing = scan(small)
        data = make_handle(listing, prepare(small, listing, scratch / "cache"))
        pixels = np.stack(PixelReader(data.prepared).images(data.train.rows))
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()
        compare(
            f"{len(images)} small images, crop and flip at {SMALL_PX} px",
            {
                "our stream, two threads": our_epoch(small, data, SMALL_PX, SMALL_BATCH, StreamShare(NUM_WORKERS)),
                "our stream, Ray Data on 2 CPUs": our_epoch(
                    small, data, SMALL_PX, SMALL_BATCH, StreamShare(task_cpus=NUM_WORKERS)
                ),
            },
            {"DataLoader over arrays in memory": loader_epoch(InMemory(images), SMALL_BATCH)},
            args.repeats,
        )


if __name__ == "__main__":
    main()
