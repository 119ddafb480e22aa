"""What is broken: a study that runs in a home, by the command that a person types."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from ablations.records.home import Home
from tests.chaos.processes import Process, descendants
from tests.chaos.study import STUDY

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 600.0  # for anything that must happen: the machine may do other work


@dataclass
class Target:
    """A study and the invocations of `ablate run` that it took.

    Args:
        grid: file of the study.
        home: its home, which need not exist.
        logs: folder for what the invocations print.
        environment: variables beside those of this process.
    """

    grid: Path
    home: Home
    logs: Path
    environment: dict[str, str] = field(default_factory=dict)
    exit_codes: list[int] = field(default_factory=list)
    orphans: list[Process] = field(default_factory=list)  # of drivers that were killed
    _driver: "subprocess.Popen[bytes] | None" = None
    _had: int = 0  # finished runs when the invocation under way started

    def command(self, *arguments: str | Path) -> list[str]:
        """An `ablate` command on the home."""
        return [sys.executable, "-m", "ablations", *map(str, arguments), "--home", str(self.home.root)]

    def ablate(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )

    @property
    def driver(self) -> "subprocess.Popen[bytes]":
        """The invocation under way, started where there is none."""
        if self._driver is None:
            self._had = len(self.finished())
            self.logs.mkdir(parents=True, exist_ok=True)
            with (self.logs / f"run-{len(self.exit_codes)}.txt").open("wb") as log:
                self._driver = subprocess.Popen(
                    self.command("run", self.grid),
                    cwd=ROOT,
                    env=os.environ | self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                )
        return self._driver

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """The exit code of the invocation under way, once it has ended."""
        code = self.driver.wait(timeout_s)
        self._driver = None
        self.exit_codes.append(code)
        return code

    def kill(self) -> None:
        """SIGKILL the driver, and remember what belonged to it."""
        self.orphans += descendants(self.driver.pid)
        self.driver.kill()

    def stop(self) -> None:
        """Leave nothing behind."""
        if self._driver is not None and self._driver.poll() is None:
            self.kill()
            self.wait()

    def log(self) -> str:
        """What the last invocation has printed."""
        last = max(self.logs.glob("run-*.txt"), key=lambda path: int(path.stem.split("-")[1]))
        return last.read_text(errors="replace")

    def finished(self) -> list[dict[str, Any]]:
        """Records of finished runs, in the order they were kept, without a line that is being written."""
        if not self.home.records.exists():
            return []
        lines = self.home.records.read_bytes().split(b"\n")[:-1]
        return [record for line in lines if (record := json.loads(line))["status"] == "finished"]

    def has_finished(self, runs: int) -> bool:
        """Wait until so many runs have finished, at least one of them by this invocation. False: it ended before."""
        driver, deadline = self.driver, time.monotonic() + PATIENCE_S
        runs = max(runs, self._had + 1)
        while len(self.finished()) < runs:
            if driver.poll() is not None:
                return False
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.finished())} of {runs} runs after {PATIENCE_S:g} s:\n{self.log()}")
            time.sleep(0.02)
        return True

    def read_report(self) -> dict[str, Any]:
        """The answer for programs."""
        done = self.ablate("report", STUDY, "--format", "json")
        if done.returncode:
            raise RuntimeError(f"ablate report ended with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was kept at a moment: nothing of it may be lost or change afterwards."""

    records: bytes  # whole lines
    files: dict[str, str]  # of finished runs: path below the home -> sha256

    @classmethod
    def of(cls, target: Target) -> "Snapshot":
        """As it is now."""
        content = target.home.records.read_bytes() if target.home.records.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        kept = [json.loads(line) for line in whole.splitlines()]
        keys = {f"{record['stage_hash'][:16]}-{record['seed']}" for record in kept if record["status"] == "finished"}
        paths = [path for key in sorted(keys) for path in sorted(target.home.run_dir(key).iterdir())]
        root = target.home.root
        return cls(whole, {str(path.relative_to(root)): sha256(path.read_bytes()).hexdigest() for path in paths})
