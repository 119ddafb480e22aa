"""The same recipe as a plain PyTorch script: is the accuracy the same?

Run: python -m tests.benchmarks.bench_plain [--seeds 10]
The plain side shares the split of the digits and nothing else: torchvision's crop, torch's own DataLoader, SGD and
cross-entropy, its own order and weights. Printed: mean top-1 of both with the 95% interval of the difference (Welch).
"""

import argparse
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from sklearn import datasets
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

from ablations.running.cluster import connect
from pipeline.data.handle import make_handle
from pipeline.data.listing import Listing
from pipeline.data.prepare import prepare
from pipeline.data.sources import scan
from pipeline.data.stream import StreamShare
from pipeline.experiment import StageSpec
from pipeline.spec.data import Digits
from pipeline.training.job import StageJob
from pipeline.training.loop import train_stage
from pipeline.training.team import Team

EPOCHS, BATCH, LR, DECAY, WIDTH = 30, 64, 0.1, 5e-4, 16


def plain(listing: Listing, seed: int) -> float:
    """Top-1 in percent of a script anybody would write."""
    torch.manual_seed(seed)
    digits: Any = datasets.load_digits()
    numbers = np.asarray([int(sample_id.split("-")[1]) for sample_id in listing.ids])
    pixels = torch.from_numpy(digits.images[numbers] / 16).float()[:, None].repeat(1, 3, 1, 1)
    labels = torch.from_numpy(listing.labels)
    train, val = torch.from_numpy(listing.rows("train")), torch.from_numpy(listing.rows("val"))
    crop = v2.RandomResizedCrop(16, scale=(0.7, 1.0), ratio=(0.9, 1.1), antialias=True)
    normalize = v2.Normalize([0.3] * 3, [0.35] * 3)
    layers: list[nn.Module] = []
    for inputs, outputs, stride in ((3, WIDTH, 2), (WIDTH, 2 * WIDTH, 2), (2 * WIDTH, 4 * WIDTH, 1)):
        layers += [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * WIDTH, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, weight_decay=DECAY)
    loader = DataLoader(TensorDataset(pixels[train], labels[train]), BATCH, shuffle=True, drop_last=True)
    for _ in range(EPOCHS):
        model.train()
        for images, target in loader:
            views = normalize(torch.stack([crop(image) for image in images]))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(views), target).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        views = normalize(v2.functional.resize(pixels[val], [16, 16], antialias=True))
        return 100 * float((model(views).argmax(1) == labels[val]).float().mean())


def main() -> None:
    """Print both means and the interval of their difference."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    num_seeds = parser.parse_args().seeds
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    connect()  # as `ablate run` starts Ray on one machine
    spec = Digits()
    listing = scan(spec)
    stage = StageSpec.model_validate(
        {
            "data": spec,
            "model": {"kind": "small_cnn", "width": WIDTH},
            "optimizer": {"kind": "sgd", "lr": LR, "weight_decay": DECAY},
            "budget": {"epochs": EPOCHS, "batch_size": BATCH},
            "precision": "fp32",
        }
    )
    ours, theirs = [], []
    with tempfile.TemporaryDirectory() as scratch:
        runs = Path(scratch)
        data = make_handle(listing, prepare(spec, listing, runs / "cache"))
        for seed in range(num_seeds):
            last = runs / str(seed) / "last.pt"
            job = StageJob(stage.name, stage.model_dump_json(), "bench", seed, "", {}, runs, last)
            result = train_stage(job, data, Team.alone(), StreamShare(), lambda report: None)
            ours.append(100 * result.record.metrics["val/top1"])
            theirs.append(plain(listing, seed))
    test = stats.ttest_ind(ours, theirs, equal_var=False)
    low, high = test.confidence_interval(0.95)
    print(f"ablate        {np.mean(ours):.2f} (sd {np.std(ours, ddof=1):.2f}, n = {num_seeds})")
    print(f"plain PyTorch {np.mean(theirs):.2f} (sd {np.std(theirs, ddof=1):.2f}, n = {num_seeds})")
    print(f"difference    {np.mean(ours) - np.mean(theirs):+.2f} points, 95% interval [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
