import json
from pathlib import Path

import pytest
import torch

from pipeline.spec.records import Failure
from pipeline.training.environment import environment
from pipeline.training.job import failed_result
from pipeline.training.scrub import scrubbed
from tests.pipeline.stages import digits_stage, stage_job

HOME = Path("/home/ada")
SECRETS = {
    "RAY_AUTH_TOKEN": "5f1e0c7b9a2d4e68",
    "AWS_SECRET_ACCESS_KEY": "wJalr/XUtnFEMI+bPxRfi",
    "my_password": "correct horse battery",
    "OPENAI_API_KEY": "sk-0123456789",
    "GIT_CREDENTIALS": "https://x:y@host",
}
HARMLESS = {"RAY_AUTH_MODE": "token", "PATH": "/usr/bin:/bin", "EDITOR": "ed", "USE_TOKEN": "1"}


@pytest.mark.parametrize("name", SECRETS)
def test_a_value_called_like_a_secret_is_shown_by_its_name(name: str) -> None:
    text = scrubbed(f"refused: {SECRETS[name]}, and again {SECRETS[name]}", SECRETS | HARMLESS, HOME)
    assert text == f"refused: <value of {name}>, and again <value of {name}>"


@pytest.mark.parametrize("value", HARMLESS.values())
def test_other_values_stay(value: str) -> None:
    assert scrubbed(f"mode {value}.", SECRETS | HARMLESS, HOME) == f"mode {value}."


def test_a_secret_inside_a_longer_one_does_not_show_the_rest() -> None:
    assert scrubbed("x 12345678abcd y", {"A_TOKEN": "12345678", "B_TOKEN": "12345678abcd"}, HOME) == (
        "x <value of B_TOKEN> y"
    )


def test_a_login_in_a_url_is_taken_out() -> None:
    text = "cannot reach postgresql://ada:lovelace@db.lab:5432/x, nor http://host/a:b@c"
    assert scrubbed(text, {}, HOME) == "cannot reach postgresql://<login>@db.lab:5432/x, nor http://host/a:b@c"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ada/photos/1.jpg", "~/photos/1.jpg"),
        ("at '/home/ada'", "at '~'"),
        ("/home/adam/photos", "/home/adam/photos"),
        ("/home/ada-old/x", "/home/ada-old/x"),
        ("/mnt/home/photos", "/mnt/home/photos"),
    ],
)
def test_the_home_folder_is_a_tilde(text: str, shown: str) -> None:
    assert scrubbed(text, {}, HOME) == shown


def test_unless_it_is_asked_for_and_secrets_not_even_then() -> None:
    text = scrubbed("/home/ada/x 5f1e0c7b9a2d4e68", SECRETS | {"ABLATE_KEEP_PATHS": "1"}, HOME)
    assert text == "/home/ada/x <value of RAY_AUTH_TOKEN>"


def test_the_root_folder_is_no_home() -> None:
    assert scrubbed("/a/b", {}, Path("/")) == "/a/b"


def test_the_token_that_ray_keeps_in_a_file(tmp_path: Path) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0123456789abcdef\n")
    assert scrubbed("Bearer 0123456789abcdef", {}, tmp_path) == "Bearer <token of Ray>"


def test_colours_and_control_characters_do_not_reach_a_terminal() -> None:
    assert scrubbed("\x1b[31mred\x1b[0m\tx\ny\x07\x9b2J\udce9", {}, HOME) == "red\tx\ny\\x07\\x9b2J\\xe9"


def test_a_failed_run_is_kept_without_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    monkeypatch.setenv("WANDB_API_KEY", "0123456789abcdef")
    said = f"{tmp_path}/ada/caf\udce9.png: 0123456789abcdef <script>"
    failure = Failure(type="OSError", message=said, log_tail=f"trace\n{said}")
    job = stage_job(digits_stage(), tmp_path)
    result = failed_result(job, "f", failure, environment(torch.device("cpu")), f"log\n{said}")
    kept = json.loads(result.record.model_dump_json())["failure"]
    expected = r"~/caf\xe9.png: <value of WANDB_API_KEY> <script>"
    assert (kept["message"], kept["log_tail"], result.log) == (expected, f"trace\n{expected}", f"log\n{expected}")
