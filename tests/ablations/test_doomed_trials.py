"""Trials that no worker survives, on Ray: each is a failed record that says why, and the others are trained."""

from pathlib import Path
from typing import Any

import pytest

from ablations.records.home import Home
from pipeline.spec.records import Status
from tests.ablations.studies import CommandResult, Kept, ablate, write_grid
from tests.ablations.test_run import run

pytestmark = [pytest.mark.slow, pytest.mark.ray, pytest.mark.timeout(600)]

ATTEMPTS = 2
HANG_TIMEOUT_S = 15.0
STEP = 5  # the hang comes in the second epoch


def doomed(name: str, **options: Any) -> dict[str, Any]:
    """A factor that switches one of tests/ablations/doomed.py on."""
    target = f"tests.ablations.doomed:{name}"
    return {"strategies": [{"kind": "custom", "target": target, "options": options}]}


@pytest.fixture(scope="module")
def alone(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[CommandResult, Kept]:
    """One worker for each trial; 20 images in a batch."""
    return run(
        tmp_path_factory.mktemp("alone"),
        base={"budget": {"epochs": 3, "batch_size": 20}},
        factors={"smoothing": {"strategies": [{"kind": "label_smoothing"}]}},
        controls={
            "poison": doomed("PoisonConfig"),
            "sleep": doomed("SleepConfig", at_step=STEP),
            "greedy": doomed("GreedyConfig", holds=8),
            "insatiable": doomed("GreedyConfig", holds=1),
        },
        resources={"max_attempts": ATTEMPTS, "hang_timeout_s": HANG_TIMEOUT_S},
    )


def test_the_others_are_trained_and_the_exit_code_says_that_some_failed(alone: tuple[CommandResult, Kept]) -> None:
    result, kept = alone
    assert result.exit_code == 3, result
    statuses = {arm["name"]: kept.record(arm["name"]).status.value for arm in kept.plan["arms"]}
    failed = {name for name, status in statuses.items() if status == "failed"}
    assert failed == {"+poison", "+sleep", "+insatiable"}
    assert len(kept.lines) == len(statuses) - 1, "one record each; full is +smoothing"


def test_poison_is_a_failed_record_after_so_many_tries_with_the_tail_of_its_log(
    alone: tuple[CommandResult, Kept],
) -> None:
    failure = alone[1].record("+poison").failure
    assert failure is not None
    assert (failure.type, failure.attempts) == ("WorkerLost", ATTEMPTS)
    assert "died without a word" in failure.message
    assert "about to drink" in failure.log_tail
    assert f"--- attempt {ATTEMPTS}, rank 0" in failure.log_tail
    assert "Fatal Python error: Aborted" in failure.log_tail and "in edit_batch" in failure.log_tail
    log = (alone[1].home.run_dir(alone[1].record("+poison").key) / "log.txt").read_text()
    assert "about to drink" in log


def test_a_hang_of_one_worker_names_trial_step_and_place(alone: tuple[CommandResult, Kept]) -> None:
    failure = alone[1].record("+sleep").failure
    assert failure is not None
    assert (failure.type, failure.step, failure.attempts) == ("Hang", STEP, ATTEMPTS)
    assert failure.message.startswith(f"+sleep seed 0 hangs at step {STEP}: no batch and no step for ")
    assert "rank 0 in never_arrives (doomed.py, line " in failure.message
    assert "in never_arrives" in failure.log_tail, "the stacks"
    assert "epoch 1/3" in failure.log_tail, "how far it got"


def test_out_of_memory_divides_the_batch_and_the_record_and_the_report_say_so(
    alone: tuple[CommandResult, Kept],
) -> None:
    kept = alone[1]
    record = kept.record("+greedy")
    assert record.status is Status.FINISHED and record.cost is not None
    assert record.cost.micro_batches == 4, "20 images, then 10, then 5"
    assert record.cost.samples_seen == kept.record("bare").cost.samples_seen  # type: ignore[union-attr]
    assert "4 micro-batches of 5" in record.warnings[0]
    assert "OUT OF MEMORY: a shard of 20 images did not fit" in kept.home.report("small").read_text()
    failure = kept.record("+insatiable").failure
    assert failure is not None and failure.type == "OutOfMemoryError" and failure.attempts == 1


def test_of_two_ranks_the_one_that_never_arrives_is_named(ray_session: None, tmp_path: Path) -> None:
    """And memory that one rank lacks divides the shards of both."""
    grid = write_grid(
        tmp_path / "grid.yaml",
        factors={"smoothing": {"strategies": [{"kind": "label_smoothing"}]}},
        controls={"sleep": doomed("SleepConfig", on_rank=1, at_step=STEP), "greedy": doomed("GreedyConfig", holds=5)},
        resources={
            **{"workers_per_trial": 2, "cpus_per_worker": 0.5},
            **{"max_attempts": ATTEMPTS, "hang_timeout_s": HANG_TIMEOUT_S},
        },
    )
    result, kept = ablate("run", grid, "--home", tmp_path / "home"), Kept(Home(tmp_path / "home"))
    assert result.exit_code == 3, result
    assert [line["status"] for line in kept.lines].count("failed") == 1
    failure = kept.record("+sleep").failure
    assert failure is not None
    assert (failure.type, failure.step, failure.attempts) == ("Hang", STEP, ATTEMPTS)
    assert f"+sleep seed 0 hangs at step {STEP}" in failure.message
    assert "It stands still with rank 1 in never_arrives (doomed.py, line " in failure.message
    assert "rank 0 waited for it in vain" in failure.message
    record = kept.record("+greedy")
    assert record.cost is not None and (record.cost.micro_batches, record.cost.num_workers) == (2, 2)
