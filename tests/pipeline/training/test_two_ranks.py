import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.data.handle import DataHandle
from pipeline.strategies import CATALOGUE
from pipeline.training.job import StageJob
from tests.pipeline.stages import example, stage_for, train_alone
from tests.pipeline.training.teachers import job_in
from tests.pipeline.training.two_ranks import BUDGET

ROOT = Path(__file__).resolve().parents[3]
NAMES = ["bare", *CATALOGUE]


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes ended with, for every strategy."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, "-m", "tests.pipeline.training.two_ranks"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [*command, str(rank), str(folder / "store"), str(folder)],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        outputs = [process.communicate(timeout=400)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)[-4000:]
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.mark.parametrize("name", NAMES)
def test_two_ranks_end_with_the_same_network_and_the_same_record(ranks: list[dict[str, Any]], name: str) -> None:
    first, second = (rank[name] for rank in ranks)
    assert first["weights"].keys() == second["weights"].keys()
    for key, value in first["weights"].items():
        assert torch.equal(value, second["weights"][key]), key
    assert first["series"] == second["series"]
    assert first["metrics"] == second["metrics"]


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_workers_changes_sums_by_rounding_only(
    ranks: list[dict[str, Any]], digits: DataHandle, teacher: StageJob, tmp_path: Path, name: str
) -> None:
    strategies = () if name == "bare" else (example(name),)
    job = job_in(tmp_path / "alone", stage_for(name, *strategies, budget=BUDGET), teacher)
    alone = train_alone(job, digits).curves.series
    for key, values in ranks[0][name]["series"].items():
        np.testing.assert_allclose(values, alone[key], rtol=2e-3, atol=2e-3, err_msg=key)
