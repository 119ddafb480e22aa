"""A trick that lies in the user's folder: the console command, Ray's workers and Ray Data's tasks find it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ablations.records.home import Home
from ablations.records.store import read_records
from pipeline.spec.records import Status

ROOT = Path(__file__).resolve().parents[2]
ABLATE = Path(sys.executable).with_name("ablate")
PATIENCE_S = 240.0
TRICK = """
from dataclasses import replace
from typing import ClassVar, Literal

from pipeline.spec.card import Card
from pipeline.strategies.base import Strategy, StrategyConfig
from spots import SIZE_PX


class Spot:
    name = "my_spot"

    def __call__(self, image, rng, strength):
        image = image.copy()
        top, left = rng.integers(0, image.shape[0] - SIZE_PX, 2)
        image[top : top + SIZE_PX, left : left + SIZE_PX] = 0
        return image


class Spots(Strategy["SpotsConfig"]):
    def row_transforms(self):
        return (Spot(),)

    def edit_batch(self, batch, rng):
        return replace(batch, images=batch.images * (1 + self.config.strength * rng.host.normal()))


class SpotsConfig(StrategyConfig):
    kind: Literal["spots"] = "spots"
    strength: float = 0.1
    card: ClassVar[Card] = Card(title="Spots & <dots>", family="custom", idea="Hides a spot.", helps_when="In tests.")
    runtime: ClassVar[type[Strategy]] = Spots
"""
GRID = """\
study: spots
base:
  data: {kind: digits, num_train: 80}
  model: {kind: small_cnn, width: 4}
  optimizer: {kind: sgd, lr: 0.05}
  budget: {epochs: 2, batch_size: 20}
factors:
  spots: {strategies: [{kind: custom, target: my_spots:SpotsConfig, options: {strength: 0.2}}]}
design: {kind: add_one_in}
noise_floor: false
seeds: [0]
resources: {lanes: 1, threads_per_worker: 1, data_cpus: 1, timing_rounds: 0}
"""

pytestmark = [pytest.mark.slow, pytest.mark.ray(own_cluster=True), pytest.mark.timeout(3 * PATIENCE_S)]


def run(folder: Path) -> str:
    """`ablate run` as typed in this folder; the project counts as installed, the folder is on no path."""
    done = subprocess.run(
        [str(ABLATE), "run", "grid.yaml", "--home", "home"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def specs(home: Home) -> dict[str, list[dict[str, Any]]]:
    """Run key -> the strategies of its stage."""
    return {path.parent.name: json.loads(path.read_text())["strategies"] for path in home.runs.glob("*/spec.json")}


def test_a_study_with_a_trick_of_the_users_folder_and_again_after_an_edit(tmp_path: Path) -> None:
    (tmp_path / "my_spots.py").write_text(TRICK)
    (tmp_path / "spots.py").write_text("SIZE_PX = 2\n")
    (tmp_path / "grid.yaml").write_text(GRID)
    home = Home(tmp_path / "home")
    assert "2 runs finished" in run(tmp_path)
    records = read_records(home)
    assert [record.status for record in records.values()] == [Status.FINISHED] * 2
    (written,) = [strategies for strategies in specs(home).values() if strategies]
    assert written[0]["options"] == {"strength": 0.2} and len(written[0]["source"]) == 64
    assert "Spots &amp; &lt;dots&gt;" in home.report("spots").read_text(), "its card is in the report"

    (tmp_path / "spots.py").write_text("SIZE_PX = 3\n")  # a file that the trick imports
    run(tmp_path)
    assert len(read_records(home)) == 3, "bare is reused, the edited trick is not"
    sources = {strategies[0]["source"] for strategies in specs(home).values() if strategies}
    assert len(sources) == 2
    losses = {record.metrics["train/loss"] for record in read_records(home).values()}
    assert len(losses) == 3, "the edit reached the workers"
    assert "Everything is already done" in run(tmp_path)
