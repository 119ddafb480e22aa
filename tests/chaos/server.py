"""An MLflow tracking server that can be killed and started again with what it had."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

STARTS_S = 180.0


class Server:
    """On a free port of this machine; its store is below `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._folder = folder
        self.address = f"http://127.0.0.1:{self._port}"
        self.start()
        self.wait()

    def start(self) -> None:
        """Start it, with what it had; it answers some seconds later."""
        command = [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)),
            *("--workers", "1", "--backend-store-uri", f"sqlite:///{self._folder}/server.db"),
            *("--artifacts-destination", str(self._folder / "files")),
        ]
        with (self._folder / "log.txt").open("a") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + STARTS_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the MLflow server did not start:\n{(self._folder / 'log.txt').read_text()}")
            time.sleep(0.2)

    def kill(self) -> None:
        """SIGKILL it with its web workers: they are a session of their own."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False
