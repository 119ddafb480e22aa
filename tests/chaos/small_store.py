"""A study whose images are larger than Ray's object store: nothing random, so it is one case beside the rounds."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import simplejpeg
import yaml

from ablations.records.home import Home
from ablations.records.store import read_records
from tests.chaos.study import GRID
from tests.chaos.target import PATIENCE_S, Target

STORE_MB = 80  # Ray refuses fewer than 75
SIDE_PX, NUM_IMAGES = 160, 1600  # 123 MB when decoded
PORT = 6399


def write_images(folder: Path) -> Path:
    """Noise, brighter in one class than in the other."""
    rng = np.random.default_rng(0)
    for name, offset in (("dark", 0), ("light", 60)):
        (folder / name).mkdir(parents=True)
        for number in range(NUM_IMAGES // 2):
            coarse = rng.integers(offset, offset + 196, (SIDE_PX // 16, SIDE_PX // 16, 3), dtype=np.uint8)
            pixels = np.ascontiguousarray(coarse.repeat(16, axis=0).repeat(16, axis=1))
            (folder / name / f"{number}.jpg").write_bytes(simplejpeg.encode_jpeg(pixels))
    return folder


def write_grid(path: Path, images: Path) -> Path:
    """Bare and one factor, one seed, one epoch."""
    grid = yaml.safe_load(GRID)
    grid["base"]["data"] = {"kind": "image_folder", "path": str(images), "image_size_px": SIDE_PX}
    grid["base"]["budget"] = {"epochs": 1, "batch_size": 64}
    grid["factors"] = {"smoothing": grid["factors"]["smoothing"]}
    path.write_text(yaml.safe_dump({**grid, "seeds": [0]}, sort_keys=False), encoding="utf-8")
    return path


@contextmanager
def small_ray(folder: Path) -> Iterator[dict[str, str]]:
    """A Ray with a small object store; gives the variables with which a driver joins it."""
    environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    ray = str(Path(sys.executable).parent / "ray")
    command = [ray, "start", "--head", "--block", "--num-cpus=2", f"--port={PORT}", "--include-dashboard=false"]
    command += [f"--object-store-memory={STORE_MB * 10**6}"]
    with (folder / "ray.txt").open("w") as log:
        head = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environment, start_new_session=True)
    try:
        yield environment | {"RAY_ADDRESS": f"127.0.0.1:{PORT}"}
    finally:
        head.terminate()  # --block: it ends what it started
        head.wait(PATIENCE_S)


def try_small_store(folder: Path) -> list[str]:
    """Promises that were not kept; empty: the study ended with the numbers of one with room to spare."""
    folder.mkdir()
    grid = write_grid(folder / "grid.yaml", write_images(folder / "images"))
    roomy = Target(grid, Home(folder / "roomy"), folder / "roomy-logs")
    with small_ray(folder) as environment:
        small = Target(grid, Home(folder / "small"), folder / "small-logs", environment)
        codes = small.wait(), roomy.wait()
    if codes != (0, 0):
        return [f"exit codes {codes}:\n{small.log()[-1500:]}\n{roomy.log()[-1500:]}"]
    metrics = [{run: record.metrics for run, record in read_records(t.home).items()} for t in (small, roomy)]
    return [] if metrics[0] == metrics[1] else [f"other numbers: {json.dumps([list(m.values()) for m in metrics])}"]
