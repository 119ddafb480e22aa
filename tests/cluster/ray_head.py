"""A Ray head of a test's own: free ports, a folder of its own, token authentication, and stopped alone.

`ray stop` is never used: it ends every Ray on the machine, also those of other people.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class JobResult:
    """How `ray job submit` ended and what it showed, the job's own output included."""

    exit_status: int
    log: str


@dataclass(frozen=True, slots=True)
class RayHead:
    """A running head: where its job API answers, and the environment its clients need."""

    api_url: str
    temp_dir: Path
    environment: dict[str, str]

    def api_status(self, token: str | None) -> int | None:
        """HTTP status of the job API with this token; None while nothing answers."""
        request = urllib.request.Request(f"{self.api_url}/api/jobs/")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def submit(self, *entrypoint: str, working_dir: Path, timeout_s: float) -> JobResult:
        """`ray job submit` and wait for the job. Exit status: 0, or 1 for any failure of the entrypoint."""
        command = [str(BIN / "ray"), "job", "submit", "--log-style=record", "--log-color=false"]
        command += ["--working-dir", str(working_dir), "--", *entrypoint]
        log_path = self.temp_dir / "job.log"
        with log_path.open("w") as log:
            try:
                done = subprocess.run(
                    command,
                    env=self.environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise TimeoutError(f"the job was not done after {timeout_s:.0f} s:\n{log_path.read_text()}") from None
        return JobResult(done.returncode, log_path.read_text())


def free_ports(count: int) -> list[int]:
    """Ports nobody listens on. All are held open until the last is known, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@contextmanager
def ray_head(num_cpus: int) -> Iterator[RayHead]:
    """Start a head, wait for its job API, and end it with everything it started."""
    gcs, dashboard, client, agent = free_ports(4)
    token = secrets.token_hex(16)
    # Ray puts Unix sockets in here, whose paths end at 107 characters: pytest's tmp_path is too long.
    temp_dir = Path(tempfile.mkdtemp(prefix="abl-", dir="/tmp"))
    environment = {
        **os.environ,
        # The entrypoint's `python` is found on the PATH that the head was started with.
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # nobody else's requests are under way: stop at once, not in 30 s
        "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{dashboard}",
    }
    # Ports that have fixed defaults are given, so that a second head on the machine does not clash.
    command = [
        *(str(BIN / "ray"), "start", "--head", "--block", "--disable-usage-stats"),
        *("--num-cpus", str(num_cpus), "--num-gpus", "0", "--temp-dir", str(temp_dir)),
        *("--object-store-memory", str(512 * 1024**2)),
        *("--port", str(gcs), "--dashboard-host", "127.0.0.1", "--dashboard-port", str(dashboard)),
        *("--ray-client-server-port", str(client), "--dashboard-agent-listen-port", str(agent)),
        *("--min-worker-port", "0", "--max-worker-port", "0"),
    ]
    log_path = temp_dir / "head.log"
    with log_path.open("w") as log:
        # A session of its own: the whole group can be ended, and nothing else.
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    head = RayHead(f"http://127.0.0.1:{dashboard}", temp_dir, environment)
    try:
        _wait_for_api(head, process, token, log_path)
        yield head
    finally:
        _stop(process)
        shutil.rmtree(temp_dir, ignore_errors=True)


def _wait_for_api(head: RayHead, process: "subprocess.Popen[bytes]", token: str, log_path: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while head.api_status(token) != 200:
        if process.poll() is not None or time.monotonic() > deadline:
            state = "still runs" if process.poll() is None else f"ended with {process.returncode}"
            raise RuntimeError(f"no job API at {head.api_url}; the head {state}. Its output:\n{log_path.read_text()}")
        time.sleep(0.3)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
