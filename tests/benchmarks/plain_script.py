"""The script that people would write instead: one training run in plain PyTorch, as a process of its own.

Run: python tests/benchmarks/plain_script.py PHOTOS --epochs 2 [--images 500] [--data loader|pillow|memory] ...
`loader` decodes with torchvision in two workers of a DataLoader, `pillow` does so as torchvision's ImageFolder and timm
do by default, and `memory` keeps decoded images in this process and crops them in the loop, without any worker. It
prints one line of JSON: seconds of training and of evaluation, images trained on, top-1.
"""

import argparse
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import timm
import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision.io import decode_jpeg, read_file
from torchvision.transforms import v2

BATCH, EVAL_BATCH = 64, 256
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Batches = Iterable[tuple[torch.Tensor, torch.Tensor]]


def listed(folder: Path, limit: int | None) -> tuple[list[Path], list[int]]:
    """Paths and labels; with a limit, the first of every class in turn."""
    classes = [sorted(path.glob("*.jpg")) for path in sorted(folder.iterdir())]
    pairs = [
        (files[i], label)
        for i in range(max(map(len, classes)))
        for label, files in enumerate(classes)
        if i < len(files)
    ][:limit]
    return [path for path, _ in pairs], [label for _, label in pairs]


def transforms(size: int, train: bool) -> v2.Compose:
    """Crop and flip, or the central crop; uint8 in and out."""
    if train:
        return v2.Compose([v2.RandomResizedCrop(size, scale=(0.35, 1.0), antialias=True), v2.RandomHorizontalFlip()])
    return v2.Compose([v2.Resize(round(size / 0.875), antialias=True), v2.CenterCrop(size)])


class Photos(Dataset):
    """Decoded when asked for, or once."""

    def __init__(self, paths: list[Path], labels: list[int], size: int, train: bool, how: str) -> None:
        self._paths, self._labels, self._how = paths, labels, how
        self._transform = transforms(size, train)
        # As large as our prepared copies: the crop then costs the same.
        small = v2.Resize(round(1.25 * size), antialias=True)
        self._decoded = [small(decode_jpeg(read_file(str(p)))) for p in paths] if how == "memory" else []

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        if self._how == "memory":
            image = self._transform(self._decoded[i])
        elif self._how == "pillow":
            with Image.open(self._paths[i]) as opened:
                image = v2.functional.pil_to_tensor(self._transform(opened.convert("RGB")))
        else:
            image = self._transform(decode_jpeg(read_file(str(self._paths[i]))))
        return image, self._labels[i]


def batches(data: Photos, size: int, train: bool, how: str) -> Batches:
    """A DataLoader with two workers, or a loop in this process."""
    workers = 0 if how == "memory" else 2
    return DataLoader(data, size, shuffle=train, drop_last=train, num_workers=workers, persistent_workers=workers > 0)


def on_device(found: Batches) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Normalized floats, channels last."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    for images, labels in found:
        yield ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last), labels


def main() -> None:
    """Train, evaluate after every epoch, print one line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("photos", type=Path)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--images", type=int)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--data", choices=("loader", "pillow", "memory"), default="loader")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    train = Photos(*listed(args.photos / "train", args.images), args.size, True, args.data)
    val = Photos(*listed(args.photos / "validation", None), args.size, False, args.data)
    loaders = batches(train, BATCH, True, args.data), batches(val, EVAL_BATCH, False, args.data)
    model = timm.create_model("resnet10t", num_classes=10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-5)
    number_format = torch.autocast("cpu", torch.bfloat16) if args.precision == "bf16" else nullcontext()
    train_s = eval_s = top1 = 0.0
    num_images = 0
    for _ in range(args.epochs):
        start = time.perf_counter()
        model.train()
        for images, labels in on_device(loaders[0]):
            optimizer.zero_grad(set_to_none=True)
            with number_format:
                loss = cross_entropy(model(images).float(), labels)
            loss.backward()
            optimizer.step()
            num_images += len(labels)
        trained = time.perf_counter()
        model.eval()
        with torch.inference_mode(), number_format:
            hits = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in on_device(loaders[1]))
        top1 = hits / len(val)
        train_s, eval_s = train_s + trained - start, eval_s + time.perf_counter() - trained
    print(json.dumps({"train_s": train_s, "eval_s": eval_s, "images": num_images, "top1": top1}))


if __name__ == "__main__":
    main()
