"""cluster.yaml, judged by Ray's own schema, Ray's own command line, bash, and what a study needs."""

import copy
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from ray.scripts.scripts import start as ray_start

ROOT = Path(__file__).resolve().parents[1]
Config = dict[str, Any]


@pytest.fixture
def config() -> Config:
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


def check(config: Config) -> None:
    """What `ray up` does before it calls the cloud: fill in the defaults, then validate."""
    validate_config(prepare_config(copy.deepcopy(config)))


def all_commands(config: Config) -> list[str]:
    return [command for key, commands in config.items() if key.endswith("_commands") for command in commands]


def start_command(config: Config, role: str) -> str:
    return next(line for line in config[f"{role}_start_ray_commands"] if "ray start " in line)


def test_ray_accepts_the_file(config: Config) -> None:
    check(config)


def _typo(config: Config) -> None:
    config["max_wokers"] = config.pop("max_workers")


def _text_for_a_number(config: Config) -> None:
    config["idle_timeout_minutes"] = "ten"


def _unknown_head_type(config: Config) -> None:
    config["head_node_type"] = "gpu"


def _more_wanted_than_allowed(config: Config) -> None:
    config["available_node_types"]["gpu_spot"]["min_workers"] = config["max_workers"] + 1


def _command_is_no_list(config: Config) -> None:
    config["initialization_commands"] = "apt-get update"


@pytest.mark.parametrize(
    ("damage", "error", "match"),
    [
        (_typo, jsonschema.ValidationError, "max_wokers"),
        (_text_for_a_number, jsonschema.ValidationError, "is not of type 'number'"),
        (_unknown_head_type, ValueError, "head_node_type"),
        (_more_wanted_than_allowed, ValueError, "max_workers"),
        (_command_is_no_list, jsonschema.ValidationError, "is not of type 'array'"),
    ],
)
def test_ray_refuses_a_damaged_copy(
    config: Config, damage: Callable[[Config], None], error: type[Exception], match: str
) -> None:
    damage(config)
    with pytest.raises(error, match=match):
        check(config)


@pytest.mark.parametrize("role", ["head", "worker"])
def test_start_options_are_ones_that_ray_has_and_the_token_is_on(config: Config, role: str) -> None:
    command = start_command(config, role)
    options = shlex.split(command[command.index("ray start ") :])[2:]
    parsed = ray_start.make_context("ray start", list(options))  # raises on an unknown option or a wrong value
    assert "RAY_AUTH_MODE=token" in command
    assert parsed.params["head"] == (role == "head")
    if role == "head":
        assert parsed.params["dashboard_host"] == "127.0.0.1", "the job API must not listen on a public address"
        assert parsed.params["autoscaling_config"], "without it no worker is ever started"
    else:
        assert parsed.params["address"] == "$RAY_HEAD_IP:6379"


def test_workers_and_head_meet_on_one_port(config: Config) -> None:
    port = re.search(r"--port=(\d+)", start_command(config, "head"))
    address = re.search(r"RAY_HEAD_IP:(\d+)", start_command(config, "worker"))
    assert port and address and port[1] == address[1]


def test_commands_are_valid_bash(config: Config) -> None:
    commands = all_commands(config)
    assert len(commands) >= 9
    for command in commands:
        checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, f"{command}\n{checked.stderr}"


def test_the_install_command_asks_for_exactly_our_dependencies(config: Config, tmp_path: Path) -> None:
    """Run the command with stand-ins for venv and pip, and look at the requirements it writes."""
    command = next(line for line in config["setup_commands"] if "requirements.txt" in line)
    home, tools = tmp_path / "home", tmp_path / "home/ablate/venv/bin"
    tools.mkdir(parents=True)
    (home / "ablate/pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    (tools / "pip").write_text(f'#!/bin/bash\necho "$@" > {tmp_path}/pip-arguments\n')
    (tools / "python").symlink_to(sys.executable)
    (tmp_path / "path").mkdir()
    (tmp_path / "path/python3").write_text("#!/bin/bash\nexit 0\n")
    for tool in (tools / "pip", tmp_path / "path/python3"):
        tool.chmod(0o755)
    environment = {"HOME": str(home), "PATH": f"{tmp_path / 'path'}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-c", command], env=environment, check=True, capture_output=True)
    expected = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert (home / "ablate/requirements.txt").read_text().split("\n")[:-1] == expected
    assert f"-c {home}/ablate/constraints.txt" in (tmp_path / "pip-arguments").read_text()


def test_files_to_copy_exist_and_the_token_is_outside_the_repository(config: Config) -> None:
    sources = list(config["file_mounts"].values())
    assert "~/.ray/auth_token" in sources
    for source in sources:
        if not source.startswith("~"):
            assert (ROOT / source).is_file(), f"file_mounts names {source}, which is not in the repository"
    assert "RAY_AUTH_TOKEN=" not in (ROOT / "cluster.yaml").read_text()


def test_cost_is_bounded_and_only_workers_are_on_the_spot_market(config: Config) -> None:
    types = config["available_node_types"]
    workers = {name: node for name, node in types.items() if name != config["head_node_type"]}
    assert "InstanceMarketOptions" not in types[config["head_node_type"]]["node_config"]
    assert all(node["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot" for node in workers.values())
    assert all(node["min_workers"] == 0 for node in workers.values()), "nothing must be paid for while nothing runs"
    assert max(node["max_workers"] for node in workers.values()) <= config["max_workers"]


def test_all_nodes_agree_on_the_home(config: Config) -> None:
    homes = {home for command in all_commands(config) for home in re.findall(r"ABLATE_HOME=([^\s;']+)", command)}
    assert homes == {"/mnt/ablate/home"}
