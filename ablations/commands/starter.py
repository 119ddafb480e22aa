"""`ablate init`: look at the images and write a grid that fits them."""

import contextlib
import io
import json
import posixpath
from collections import Counter
from itertools import islice
from pathlib import Path

import fsspec
import numpy as np
from PIL import Image

from pipeline.data.image_folder import EXTENSIONS
from pipeline.data.listing import Listing
from pipeline.data.sources import read, scan
from pipeline.spec.data import AnyData, ImageFolder, Parquet
from pipeline.spec.errors import SpecError

SAMPLED_IMAGES, SAMPLED_CHUNKS = 64, 8
SMALL_PX, LARGE_PX = 64, 160


def images_in(path: str) -> ImageFolder | Parquet:
    """What lies there: Parquet files, if there are any and no image beside them, else a folder per class."""
    fs, root = fsspec.core.url_to_fs(path)
    names = [root] if fs.isfile(root) else fs.find(root)
    endings = {posixpath.splitext(name)[1].lower() for name in names}
    return Parquet(path=path) if ".parquet" in endings and not endings & EXTENSIONS else ImageFolder(path=path)


def typical_short_side_px(spec: AnyData, listing: Listing) -> int:
    """Median short side of a sample of the images."""
    sides = []
    chunks = listing.chunks[:: max(1, len(listing.chunks) // SAMPLED_CHUNKS)]
    for chunk in chunks:
        for _, content in islice(read(spec, chunk), max(1, SAMPLED_IMAGES // len(chunks))):
            if isinstance(content, bytes):  # a bad image, or a column of no images: `ablate run` will name it
                with contextlib.suppress(OSError), Image.open(io.BytesIO(content)) as image:
                    sides.append(min(image.size))
    return int(np.median(sides)) if sides else LARGE_PX


def starter_grid(folder: str) -> str:
    """A commented grid for this folder of images, or for these Parquet files.

    Raises:
        DataError: it holds neither a class per folder nor Parquet files of labelled images.
    """
    if not folder:
        raise SpecError("FOLDER is empty; name the folder of the images")
    spec = images_in(folder)
    listing = scan(spec)
    num_train, num_val = len(listing.rows("train")), len(listing.rows("val"))
    num_test, num_classes = len(listing.rows("test")), len(listing.class_names)
    short = typical_short_side_px(spec, listing)
    size = max(32, min(LARGE_PX, short) // 32 * 32)
    counts = Counter(listing.labels[listing.rows("train")].tolist())
    rare, common = min(counts.values()), max(counts.values())
    model = "resnet10t" if num_train < 20_000 else "resnet18"
    batch = 64 if num_train >= 640 else min(num_train, max(8, num_train // 10))
    epochs = 12 if num_train < 20_000 else 8
    uneven = ""
    metric = "top1"
    if common >= 4 * rare:
        metric = "balanced_accuracy"
        uneven = (
            f"\n# Classes are uneven ({rare} to {common} images): balanced accuracy decides, each class counts alike."
        )
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "-" for c in Path(folder).resolve().name)
    name = plain.strip("-_")[:80] or "images"
    return f"""\
# Which tricks help on {name}? Written by `ablate init` after a look at {len(listing.ids)} images:
# {num_train} train, {num_val} val, {num_test} test in {num_classes} classes; typical short side {short} px.{uneven}
# Next: ablate plan THIS_FILE (what it will cost), then ablate run THIS_FILE.
study: {name}-tricks
question: Which tricks help on {name}?
base:                                   # the bare recipe: every arm starts from it
  data: {{kind: {spec.kind}, path: {json.dumps(folder, ensure_ascii=False)}, image_size_px: {size}}}
  model: {{kind: timm, name: {model}}}  # any name of timm.list_models()
  optimizer: {{kind: sgd, lr: 0.1, momentum: 0.9, weight_decay: 5.0e-5}}
  budget: {{epochs: {epochs}, batch_size: {batch}}}
factors:                                # each is added to bare, and removed from all of them together
  cosine:      {{schedule: {{kind: cosine, warmup_epochs: 1}}}}
  mixup:       {{strategies: [{{kind: mixup, alpha: 0.2}}]}}
  smoothing:   {{strategies: [{{kind: label_smoothing, epsilon: 0.1}}]}}
  progressive: {{strategies: [{{kind: progressive_resizing, from_px: {max(16, size // 2)}}}]}}
controls:                               # they test the study itself: only luck differs / it must hurt
  placebo:     {{strategies: [{{kind: placebo}}]}}
  label_noise: {{strategies: [{{kind: label_noise, frac: 0.2}}]}}
design: {{kind: both_ways}}
seeds: 3
metric: {{name: {metric}, delta: 0.5}}  # points; below this nobody would care
"""
