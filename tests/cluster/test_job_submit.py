"""A study on a Ray cluster through the job API, as a person would run it; then the same study again."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.ray_head import RayHead, ray_head
from tests.test_architecture import PACKAGES

ROOT = Path(__file__).resolve().parents[2]
JOB_TIMEOUT_S = 240.0
STUDY = "job-test"
GRID = f"""\
study: {STUDY}
question: Does a study run as a cluster job?
base:
  data: {{kind: digits, num_train: 60}}
  model: {{kind: small_cnn, width: 4}}
  optimizer: {{kind: sgd, lr: 0.1}}
  budget: {{epochs: 1, batch_size: 30}}
factors:
  smoothing: {{strategies: [{{kind: label_smoothing, epsilon: 0.1}}]}}
design: {{kind: add_one_in}}
noise_floor: false
seeds: 2
"""
TRICK = """
from dataclasses import replace
from typing import ClassVar, Literal

from pipeline.spec.card import Card
from pipeline.strategies.base import Strategy, StrategyConfig


class Halve(Strategy["HalveConfig"]):
    def edit_batch(self, batch, rng):
        return replace(batch, images=batch.images / 2)


class HalveConfig(StrategyConfig):
    kind: Literal["halve"] = "halve"
    card: ClassVar[Card] = Card(title="Halve", family="custom", idea="Halves contrast.", helps_when="In tests.")
    runtime: ClassVar[type[Strategy]] = Halve
"""

pytestmark = [pytest.mark.slow, pytest.mark.ray(own_cluster=True), pytest.mark.timeout(3 * JOB_TIMEOUT_S)]


@pytest.fixture(scope="module")
def head() -> Iterator[RayHead]:
    with ray_head(num_cpus=2) as running:
        yield running


def test_the_job_api_wants_the_token(head: RayHead) -> None:
    assert head.api_status(token=None) == 401
    assert head.api_status(token="wrong") in (401, 403)


def test_upload_is_small_and_leaves_out_what_ignore_files_name(head: RayHead, tmp_path: Path) -> None:
    """`.gitignore` and `.rayignore` count, `.git` and `.venv` never travel, and a failing job is a failing command."""
    for name in ("kept.py", "home/records.jsonl", "images.zip", ".venv/lib.py", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("/home/\n")
    (tmp_path / ".rayignore").write_text("*.zip\n")
    script = "import os, sys; print('FILES', sorted(os.listdir('.'))); sys.exit(3)"
    job = head.submit("python", "-c", script, working_dir=tmp_path, timeout_s=JOB_TIMEOUT_S)
    assert "FILES ['.gitignore', '.rayignore', 'kept.py']" in job.log
    assert "failed with exit code 3" in job.log
    assert job.exit_status == 1


def test_a_study_runs_as_a_job_and_a_second_submission_has_nothing_to_do(head: RayHead, tmp_path: Path) -> None:
    grid, home = tmp_path / "grid.yaml", tmp_path / "home"
    grid.write_text(GRID)
    command = ("python", "-m", "ablations", "run", str(grid), "--home", str(home))

    first = head.submit(*command, working_dir=ROOT, timeout_s=JOB_TIMEOUT_S)
    assert first.exit_status == 0, first.log
    assert (home / "studies" / STUDY / "report.html").stat().st_size > 1000
    records = (home / "records.jsonl").read_text()
    assert len(records.splitlines()) == 4, "two arms, two seeds"

    second = head.submit(*command, working_dir=ROOT, timeout_s=JOB_TIMEOUT_S)
    assert second.exit_status == 0, second.log
    assert "already done: 4 runs" in second.log
    assert (home / "records.jsonl").read_text() == records

    token = head.environment["RAY_AUTH_TOKEN"].encode()
    written = [path for place in (home, head.temp_dir) for path in place.rglob("*") if path.is_file()]
    assert home / "studies" / STUDY / "report.html" in written and len(written) > 30
    assert [path for path in written if token in path.read_bytes()] == [], "whoever reads it could use the cluster"


def test_a_trick_in_the_working_dir_reaches_the_workers(head: RayHead, tmp_path: Path) -> None:
    """The folder that is submitted holds the project and, beside it, a trick of one's own."""
    work, home = tmp_path / "work", tmp_path / "home"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, work / package, ignore=shutil.ignore_patterns("__pycache__"))
    (work / "my_trick.py").write_text(TRICK)
    (work / "grid.yaml").write_text(
        GRID.replace("kind: label_smoothing, epsilon: 0.1", "kind: custom, target: my_trick:HalveConfig")
    )
    command = ("python", "-m", "ablations", "run", "grid.yaml", "--home", str(home))
    job = head.submit(*command, working_dir=work, timeout_s=JOB_TIMEOUT_S)
    assert job.exit_status == 0, job.log
    records = [json.loads(line) for line in (home / "records.jsonl").read_text().splitlines()]
    assert [record["status"] for record in records] == ["finished"] * 4, job.log
    assert len({record["metrics"]["train/loss"] for record in records}) == 4, "the trick does something"
