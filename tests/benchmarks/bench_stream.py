"""Images per second delivered to a worker: our stream of batch plans beside a torch DataLoader, on the same photos.

Run: python tests/benchmarks/bench_stream.py --data PATH [--size 160] [--repeats 5]
Without --data it makes 600 smooth JPEGs. Both sides crop and mirror at the same size, read the same files and
end with uint8 batches; the epochs of the two are interleaved, and the medians and the ratio of each pair are printed.
"""

import argparse
import logging
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import ray
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms import v2

from ablations.runner import connect
from pipeline.data.index import EpochPlan, TrainIndex
from pipeline.data.plan import train_batches
from pipeline.data.prepare import prepare
from pipeline.data.sources import scan
from pipeline.data.stream import PixelStream, StreamShare
from pipeline.spec.data import ImageFolder
from pipeline.spec.optim import Budget

BATCH = 64
NUM_WORKERS = 2


class Photos(Dataset):
    """Decode with torchvision, crop, mirror: the usual way."""

    def __init__(self, paths: list[str], size: int) -> None:
        self._paths = paths
        self._transform = v2.Compose(
            [v2.RandomResizedCrop(size, scale=(0.35, 1.0), antialias=True), v2.RandomHorizontalFlip()]
        )

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, i: int) -> torch.Tensor:
        return self._transform(decode_jpeg(read_file(self._paths[i])))


def make_photos(folder: Path) -> None:
    """600 JPEGs of 400 x 300 pixels in two classes."""
    rng = np.random.default_rng(0)
    for i in range(600):
        role = "train" if i < 500 else "val"
        coarse = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((400, 300), Image.Resampling.BICUBIC)
        path = folder / role / f"class{i % 2}" / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=88)


def main() -> None:
    """Print one line per side and the ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(args.data or scratch)
        if not args.data:
            make_photos(folder)
        connect()  # as `ablate run` starts Ray on one machine
        spec = ImageFolder(path=str(folder), image_size_px=args.size)
        listing = scan(spec)
        start = time.perf_counter()
        prepared_ref = ray.put(prepare(spec, listing))
        prepare_s = time.perf_counter() - start
        rows = listing.rows("train")
        index = TrainIndex(rows, listing.keys()[rows], listing.labels[rows], len(listing.class_names))
        paths = [str(folder / listing.ids[row]) for row in rows]
        loader = DataLoader(Photos(paths, args.size), BATCH, shuffle=True, num_workers=NUM_WORKERS, drop_last=True)
        epoch = 0

        def ours() -> int:
            nonlocal epoch
            epoch += 1
            batches = train_batches(index, EpochPlan(epoch, args.size), Budget(batch_size=BATCH), 0, 0, 1)
            stream = PixelStream(batches, spec, 0, prepared_ref, StreamShare(num_cpus=2.0))
            count = sum(len(torch.from_numpy(pixels.copy())) for _, pixels in stream)
            stream.close()
            return count

        def theirs() -> int:
            return sum(len(batch) for batch in loader)

        ours(), theirs()  # processes and page cache are warm on both sides
        rates: dict[str, list[float]] = {"stream": [], "DataLoader": []}
        for _ in range(args.repeats):
            for name, run in (("stream", ours), ("DataLoader", theirs)):
                rates[name].append(_rate(run))
    pairs = [a / b for a, b in zip(rates["stream"], rates["DataLoader"], strict=True)]
    print(f"{len(rows)} photographs at {args.size} px, batch {BATCH}; prepared once in {prepare_s:.1f} s")
    for name, values in rates.items():
        print(f"{name:<11} {statistics.median(values):6.0f} img/s ({min(values):.0f} to {max(values):.0f})")
    print(f"ratio       {statistics.median(pairs):6.2f} ({min(pairs):.2f} to {max(pairs):.2f}), n = {args.repeats}")


def _rate(run: Callable[[], int]) -> float:
    start = time.perf_counter()
    return run() / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
