"""Memory of a node with two lanes, beside the prepared images once and a bare PyTorch loop for each lane.

Run: python -m tests.benchmarks.bench_memory --photos FOLDER [--size 160]
Proportional set sizes (a page that n processes share counts 1/n in each), summed over `ablate run` and everything that
it starts, at their peak while both lanes train; files in the page cache count where they are mapped. The allowance is
1.3 times the prepared images, plus the peak of the plain script without its images, twice. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import yaml

from tests.benchmarks.photos import add_photos, photos_of

SCRIPT = Path(__file__).with_name("plain_script.py")
LANES = 2


def proportional_mb(session: int) -> Counter[str]:
    """Megabytes by kind of process, of all processes of a session."""
    found: Counter[str] = Counter()
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or os.getsid(int(entry.name)) != session:
                continue
            rollup = dict(line.split(":") for line in (entry / "smaps_rollup").read_text().splitlines()[1:])
            name = (entry / "cmdline").read_bytes().split(b"\0")[0].decode().split("/")[-1].split(".")[0].strip()
            found[name or "?"] += int(int(rollup["Pss"].split()[0]) / 1024)
        except (OSError, ValueError):
            continue  # it has ended
    return found


def watch(command: list[str]) -> Counter[str]:
    """Run in a session of its own, and return the sizes at the moment when their sum was largest."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    peak: Counter[str] = Counter()
    while process.poll() is None:
        now = proportional_mb(process.pid)
        peak = max(peak, now, key=lambda sizes: sizes.total())
        time.sleep(0.5)
    assert process.returncode == 0, command
    return peak


def main() -> None:
    """Print where the memory is, and the ratio."""
    parser = argparse.ArgumentParser()
    add_photos(parser)
    parser.add_argument("--size", type=int, default=160)
    args = parser.parse_args()
    photos = photos_of(args)
    grid = {
        "study": "memory",
        "base": {
            "data": {"kind": "image_folder", "image_size_px": args.size},
            "model": {"kind": "timm", "name": "resnet10t"},
            "optimizer": {"kind": "sgd"},
            "budget": {"epochs": 1, "batch_size": 64},
            "precision": "bf16",
        },
        "noise_floor": False,
        "factors": {"other": {"strategies": [{"kind": "placebo"}]}},
        "design": {"kind": "add_one_in"},
        "seeds": 1,
        "resources": {"lanes": LANES, "timing_rounds": 0},
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "grid.yaml"
        file.write_text(yaml.safe_dump(grid))
        home = Path(folder) / "home"
        command = [sys.executable, "-m", "ablations", "run", str(file), "--home", str(home), "--data", str(photos)]
        ours = watch(command)
        prepared = sum(path.stat().st_size for path in home.glob("cache/prepared/*/*.rgb")) / 2**20
    script = watch(
        [sys.executable, str(SCRIPT), str(photos), "--epochs", "1", "--size", str(args.size), "--threads", "1",
         "--images", "256", "--data", "memory"]
    )  # fmt: skip
    # The script keeps 256 training and all validation images decoded: not part of what a loop takes.
    kept = 256 + len(list((photos / "validation").rglob("*.jpg")))
    bare = script.total() - kept * 3 * (1.25 * args.size) ** 2 * 4 / 3 / 2**20
    allowed = 1.3 * prepared + LANES * bare
    for name, size in ours.most_common():
        print(f"  {name:<32} {size:6d} MB")
    print(f"ours {ours.total()} MB; prepared images {prepared:.0f} MB, bare loop {bare:.0f} MB")
    print(f"{ours.total() / allowed:.2f}x of 1.3 x prepared + {LANES} x bare ({allowed:.0f} MB)")


if __name__ == "__main__":
    main()
