"""Three Ray nodes on one machine: a network namespace each, joined by a bridge, so that each has an address of its own.

Needs root and `ip` (iproute2). Only what was started here is stopped: the processes of these namespaces.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.ray_head import BIN

SUBNET = "10.213.77"  # of the bridge; no other machine is reached through it
GCS_PORT = 6379
START_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Node:
    """A namespace with a raylet in it."""

    namespace: str
    address: str

    def command(self, *words: str) -> list[str]:
        """A command line that runs these words there."""
        return ["ip", "netns", "exec", self.namespace, *words]

    def pids(self) -> list[int]:
        """Every process there."""
        return [int(pid) for pid in _ip("netns", "pids", self.namespace).split()]

    def kill(self) -> int:
        """SIGKILL all of them at once, as if somebody had pulled the plug. Returns how many there were."""
        pids = self.pids()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # ended with its parent
        return len(pids)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The first node is the head."""

    nodes: tuple[Node, ...]
    environment: dict[str, str]  # of clients
    temp_dir: Path

    @property
    def head(self) -> Node:
        """Where drivers run."""
        return self.nodes[0]


def why_not() -> str | None:
    """Why there can be no namespaces here; None where they can be made."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need `ip` (iproute2)"
    name = f"abl{secrets.token_hex(3)}"
    try:
        _ip("netns", "add", name)
        _ip("link", "add", name, "type", "bridge")
        _ip("link", "del", name)
        _ip("netns", "del", name)
    except subprocess.CalledProcessError as error:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
        return f"no network namespaces here: {error.stderr.strip()}"
    return None


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@contextmanager
def bridge(num_nodes: int) -> Iterator[tuple[Node, ...]]:
    """Namespaces with an address each that reach each other, and nobody else."""
    tag = secrets.token_hex(2)
    nodes = tuple(Node(f"abl-{tag}-{i}", f"{SUBNET}.{i + 1}") for i in range(num_nodes))
    with ExitStack() as undo:
        _ip("link", "add", f"abl{tag}", "type", "bridge")
        undo.callback(_ip, "link", "del", f"abl{tag}")
        _ip("link", "set", f"abl{tag}", "up")
        for i, node in enumerate(nodes):
            _ip("netns", "add", node.namespace)
            undo.callback(_ip, "netns", "del", node.namespace)
            undo.callback(node.kill)
            _ip("link", "add", f"abl{tag}{i}", "type", "veth", "peer", "name", "eth0", "netns", node.namespace)
            _ip("link", "set", f"abl{tag}{i}", "master", f"abl{tag}", "up")
            for words in (("addr", "add", f"{node.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
                _ip("-n", node.namespace, *words)
            _ip("-n", node.namespace, "link", "set", "lo", "up")
        yield nodes


@contextmanager
def ray_cluster(num_nodes: int = 3, cpus_per_node: int = 1) -> Iterator[Cluster]:
    """Ray on that many nodes; all of it is ended afterwards."""
    temp_dir = Path(tempfile.mkdtemp(prefix="abl-", dir="/tmp"))  # short: Unix sockets lie in it
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_ADDRESS": f"{SUBNET}.1:{GCS_PORT}",
    }
    with ExitStack() as undo:
        undo.callback(shutil.rmtree, temp_dir, ignore_errors=True)
        nodes = undo.enter_context(bridge(num_nodes))
        for node in nodes:
            role = ["--head", "--port", str(GCS_PORT), "--include-dashboard", "false"]
            if node is not nodes[0]:
                role = ["--address", environment["RAY_ADDRESS"]]
            folder = temp_dir / node.address.rpartition(".")[2]
            command = [
                *(str(BIN / "ray"), "start", "--block", "--disable-usage-stats", *role),
                *("--node-ip-address", node.address, "--num-cpus", str(cpus_per_node), "--num-gpus", "0"),
                *("--object-store-memory", str(128 * 1024**2), "--temp-dir", str(folder)),
            ]
            with (temp_dir / f"{node.namespace}.log").open("w") as log:
                process = subprocess.Popen(
                    node.command(*command),
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            undo.callback(process.wait)
            undo.callback(node.kill)
            _wait_until_joined(process, temp_dir / f"{node.namespace}.log")
        yield Cluster(nodes, environment, temp_dir)


def _wait_until_joined(process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while "Ray runtime started" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"a node did not start (exit status {process.poll()}). Its output:\n{log.read_text()}")
        time.sleep(0.3)
