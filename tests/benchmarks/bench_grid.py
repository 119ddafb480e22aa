"""A grid of 12 trials, everything included, beside 12 plain PyTorch scripts started one after another.

Run: python -m tests.benchmarks.bench_grid --photos FOLDER [--epochs 2] [--repeats 3] [--theirs loader|pillow]
Twelve runs of resnet10t at 96 px on 500 photographs: bare, full and two factors that cost nothing, three seeds. Ours is
`ablate run` as a process, from an empty home to the report. `--theirs loader` is the same work with the same precision
(a DataLoader that decodes, two workers, two threads); `pillow` is what people start from: fp32 and Pillow. The
seconds of training of one script (T) are printed, so that --epochs can be chosen for a T.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from tests.benchmarks.photos import add_photos, photos_of

NUM_IMAGES, SIZE_PX, SEEDS = 500, 96, 3
SCRIPT = Path(__file__).with_name("plain_script.py")
GRID = {
    "study": "twelve",
    "base": {
        "data": {"kind": "image_folder", "image_size_px": SIZE_PX},
        "model": {"kind": "timm", "name": "resnet10t"},
        "optimizer": {"kind": "sgd"},
        "precision": "bf16",
    },
    "noise_floor": False,
    "factors": {
        "smoothing": {"strategies": [{"kind": "label_smoothing"}]},
        "mixup": {"strategies": [{"kind": "mixup"}]},
    },
    "design": {"kind": "add_one_in"},
    "seeds": SEEDS,
    "resources": {"timing_rounds": 0},  # the scripts have no cost block either
}
NUM_RUNS = (2 + len(GRID["factors"])) * SEEDS


def fewer_photos(photos: Path, folder: Path) -> Path:
    """500 training photographs and all for validation, the same for both sides, as links."""
    classes = [sorted(path.glob("*.jpg")) for path in sorted((photos / "train").iterdir())]
    ranked = [files[i] for i in range(max(map(len, classes))) for files in classes if i < len(files)]
    for path in (*ranked[:NUM_IMAGES], *(photos / "validation").rglob("*.jpg")):
        target = folder / path.relative_to(photos)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path)
    return folder


def ours_s(photos: Path, epochs: int) -> float:
    """Wall seconds of `ablate run`."""
    with tempfile.TemporaryDirectory() as folder:
        grid = dict(GRID, base=GRID["base"] | {"budget": {"epochs": epochs, "batch_size": 64}})
        file = Path(folder) / "grid.yaml"
        file.write_text(yaml.safe_dump(grid))
        command = [sys.executable, "-m", "ablations", "run", str(file)]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, "--home", f"{folder}/home", "--data", str(photos)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(Path(folder, "home", "records.jsonl").read_text().splitlines()) == NUM_RUNS
        return time.perf_counter() - start


def theirs_s(photos: Path, epochs: int, how: str) -> tuple[float, float]:
    """Wall seconds of all scripts, and the mean seconds of training in one."""
    precision = "fp32" if how == "pillow" else "bf16"
    command = [sys.executable, str(SCRIPT), str(photos), "--epochs", str(epochs), "--size", str(SIZE_PX)]
    start = time.perf_counter()
    inside = []
    for number in range(NUM_RUNS):
        options = ["--data", how, "--precision", precision, "--seed", str(number)]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=True)
        inside.append(json.loads(done.stdout)["train_s"])
    return time.perf_counter() - start, statistics.mean(inside)


def main() -> None:
    """Print both, interleaved."""
    parser = argparse.ArgumentParser()
    add_photos(parser)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--theirs", choices=("loader", "pillow"), default="loader")
    args = parser.parse_args()
    os.environ.pop("RAY_ADDRESS", None)
    given = photos_of(args)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        photos = fewer_photos(given, Path(folder).resolve())
        for _ in range(args.repeats):
            mine = ours_s(photos, args.epochs)
            other, inside = theirs_s(photos, args.epochs, args.theirs)
            print(f"ours {mine:.1f} s, scripts {other:.1f} s (T = {inside:.1f} s of training in each)", flush=True)
            ratios.append(mine / other)
    print(
        f"{NUM_RUNS} runs, {args.epochs} epochs, {args.theirs}: {statistics.median(ratios):.2f}x "
        f"({min(ratios):.2f} to {max(ratios):.2f}) of the scripts' time, n = {len(ratios)}"
    )


if __name__ == "__main__":
    main()
