"""What a worker printed outlives it."""

import os
import subprocess
import sys
from pathlib import Path

from ablations.running.attempt_log import TAIL_BYTES, kept_output, last_lines

DIES = """
import faulthandler, os, sys
from pathlib import Path
from ablations.running.attempt_log import kept_output

faulthandler.enable()
with kept_output(Path(sys.argv[1]), 0, 2):
    sys.stderr.write("epoch 3/10\\n")
    os.system("echo a child")
    os.abort()
"""


def test_a_worker_that_dies_leaves_its_last_words_and_its_stack(tmp_path: Path) -> None:
    checkpoint = tmp_path / "stage" / "last.pt"
    done = subprocess.run([sys.executable, "-c", DIES, str(checkpoint)], capture_output=True, text=True, check=False)
    assert done.returncode == -6 and "Abort" not in done.stderr
    tail = last_lines(checkpoint)
    assert tail.startswith("--- attempt 2, rank 0, ")
    assert "epoch 3/10\na child\n" in tail and "Fatal Python error: Aborted" in tail


def test_only_the_tail_of_each_rank_is_read_and_attempts_follow_each_other(tmp_path: Path) -> None:
    checkpoint = tmp_path / "last.pt"
    for rank, attempt in ((0, 1), (1, 1), (0, 2)):
        with kept_output(checkpoint, rank, attempt):
            os.write(1, b"x" * TAIL_BYTES if (rank, attempt) == (0, 1) else f"of {rank}\n".encode())
    tail = last_lines(checkpoint)
    assert "attempt 1, rank 0" not in tail and tail.endswith("of 1")
    assert tail.index("of 0") < tail.index("rank 1")
    assert len(tail) < TAIL_BYTES + 200


def test_afterwards_output_goes_where_it_went(tmp_path: Path, capfd: object) -> None:
    with kept_output(tmp_path / "last.pt", 0, 1):
        os.write(2, b"inside")
    os.write(2, b"outside")
    assert capfd.readouterr().err == "outside"  # type: ignore[attr-defined]


def test_nothing_to_read_is_no_error(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "never" / "last.pt") == ""
