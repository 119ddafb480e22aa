import os
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.spec.errors import RecordError
from pipeline.training import checkpoint
from pipeline.training.checkpoint import CheckpointWriter, load, on_cpu, save_atomically

CPU = torch.device("cpu")


def test_there_and_back(tmp_path: Path) -> None:
    state = {"a": torch.arange(3), "b": [1, 2.5, "x", None], "c": {0: [torch.ones(2)]}}
    save_atomically(state, tmp_path / "deep/er/last.pt")
    got = load(tmp_path / "deep/er/last.pt", CPU)
    assert torch.equal(got["a"], state["a"])
    assert torch.equal(got["c"][0][0], torch.ones(2))
    assert got["b"] == state["b"]
    assert [path.name for path in (tmp_path / "deep/er").iterdir()] == ["last.pt"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    save_atomically({"epoch": 1}, path)

    def torn(state: Any, file: Any) -> None:
        file.write(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", torn)
    with pytest.raises(OSError, match="no space left"):
        save_atomically({"epoch": 2}, path)
    assert load(path, CPU) == {"epoch": 1}


def test_it_is_flushed_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = []
    fsync, rename = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda file: (events.append("flush"), fsync(file)))
    monkeypatch.setattr(Path, "replace", lambda self, to: (events.append("rename"), rename(self, to)))
    save_atomically({}, tmp_path / "last.pt")
    assert events == ["flush", "rename"]


class Payload:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self._command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.system, (self._command,))


def test_code_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Payload(f"touch {tmp_path}/proof")}, tmp_path / "bad.pt")
    with pytest.raises(
        RecordError, match=r"(?s)bad\.pt is damaged, or holds more than tensors .* was not loaded; delete it"
    ):
        load(tmp_path / "bad.pt", CPU)
    assert not (tmp_path / "proof").exists()


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    save_atomically({"a": torch.zeros(1000)}, tmp_path / "last.pt")
    data = (tmp_path / "last.pt").read_bytes()
    (tmp_path / "last.pt").write_bytes(data[: len(data) // 2])
    with pytest.raises(RecordError, match=r"last\.pt cannot be read"):
        load(tmp_path / "last.pt", CPU)


def test_a_copy_does_not_follow_its_original() -> None:
    weight = torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)
    copied = on_cpu({"a": [weight, 3], "b": (weight,)})
    weight += 1
    assert copied["a"][0].sum() == copied["b"][0].sum() == 0
    assert copied["a"][0].is_contiguous(memory_format=torch.channels_last)
    assert isinstance(copied["b"], tuple)


def test_the_writer_saves_what_was_true_when_it_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go, real = threading.Event(), save_atomically
    monkeypatch.setattr(checkpoint, "save_atomically", lambda state, path: (go.wait(10), real(state, path)))
    writer = CheckpointWriter(tmp_path / "last.pt", 0.0)
    weight = torch.zeros(2)
    writer.save(lambda: {"weight": weight})
    weight += 1  # the next step, while the disk is still busy
    assert not (tmp_path / "last.pt").exists()
    go.set()
    writer.wait()
    assert load(tmp_path / "last.pt", CPU)["weight"].tolist() == [0, 0]


def test_a_failed_write_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    writer = CheckpointWriter(tmp_path / "file/last.pt", 0.0)  # a file where a folder must be
    writer.save(dict)
    with pytest.raises(RecordError, match=r"last\.pt could not be written"):
        writer.wait()
    writer.wait()


def test_the_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 129.0, 130.0, 131.0, 131.0, 160.0, 161.0])
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: next(clock))
    writer = CheckpointWriter(tmp_path / "last.pt", 30.0)  # at 100
    before = [writer.due() for _ in range(3)]
    writer.save(dict)  # at 131
    after = [writer.due() for _ in range(2)]
    writer.wait()
    assert (before, after) == ([False, True, True], [False, True])
