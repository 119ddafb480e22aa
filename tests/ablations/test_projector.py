import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ablations.records.home import Home
from ablations.records.projector import Projector

HOME = Home(Path("/a-home-that-is-not-touched"))
SOON_S = 10.0  # a limit for what takes no time when it works


class Client:
    """Stands for an MlflowClient: there, or not."""

    def __init__(self) -> None:
        self.is_up = True
        self.done: list[str] = []

    def search_experiments(self, max_results: int) -> list[Any]:
        if not self.is_up:
            raise ConnectionError("no route")
        return []

    def job(self, name: str) -> Callable[[Any], None]:
        def run(client: "Client") -> None:
            assert client is self
            self.search_experiments(1)
            self.done.append(name)

        return run


def projector(client: Client, pause_s: float = 3600.0) -> Projector:
    return Projector(HOME, lambda home: client, pause_s)  # pyright: ignore[reportArgumentType]


def broken(client: Any) -> None:
    raise ValueError("this run is odd")


def test_jobs_are_done_in_order() -> None:
    client = Client()
    subject = projector(client)
    for name in "abc":
        subject.submit(name, client.job(name))
    assert (subject.flush(SOON_S).projected, subject.flush(SOON_S).waiting) == (3, 0)
    assert client.done == ["a", "b", "c"]
    assert subject.flush(SOON_S).reason == ""


def test_a_dead_mlflow_is_asked_once_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    client.is_up = False
    subject = projector(client)
    with caplog.at_level(logging.WARNING, "ablations"):
        for name in "abc":
            subject.submit(name, client.job(name))
        outcome = subject.flush(SOON_S)
    assert (outcome.projected, outcome.waiting, outcome.reason) == (0, 3, "ConnectionError: no route")
    assert len(caplog.records) == 1
    assert "run `ablate sync`" in caplog.text


def test_what_failed_is_done_when_mlflow_is_back() -> None:
    client = Client()
    client.is_up = False
    subject = projector(client)
    subject.submit("a", client.job("a"))
    assert subject.flush(SOON_S).waiting == 1
    client.is_up = True
    subject.submit("b", client.job("b"))
    assert (subject.flush(SOON_S).projected, subject.flush(SOON_S).waiting) == (2, 0)
    assert client.done == ["a", "b"]


def test_it_tries_again_by_itself_after_a_pause() -> None:
    client = Client()
    again = threading.Event()
    attempts: list[int] = []

    def fails_once(_: Any) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError
        again.set()

    projector(client, pause_s=0.05).submit("a", fails_once)
    assert again.wait(SOON_S)


def test_one_odd_run_does_not_stop_the_others() -> None:
    client = Client()
    subject = projector(client)
    for name, job in [("odd", broken), ("odd too", broken), ("a", client.job("a")), ("b", client.job("b"))]:
        subject.submit(name, job)
    outcome = subject.flush(SOON_S)
    assert (outcome.projected, outcome.waiting, outcome.reason) == (2, 2, "ValueError: this run is odd")
    assert client.done == ["a", "b"]


def test_the_latest_job_of_a_name_counts() -> None:
    client = Client()
    subject = projector(client)
    subject.submit("a", broken)
    assert subject.flush(SOON_S).waiting == 1
    subject.submit("a", client.job("a"))
    assert (subject.flush(SOON_S).projected, subject.flush(SOON_S).waiting) == (1, 0)


def test_a_connection_that_hangs_is_left_after_the_time_given() -> None:
    release = threading.Event()

    def hangs(_: Home) -> Any:
        release.wait()
        raise ConnectionError

    subject = Projector(HOME, hangs)
    subject.submit("a", broken)
    outcome = subject.flush(timeout_s=0.05)
    release.set()
    assert (outcome.projected, outcome.waiting) == (0, 1)
    assert outcome.reason == "MLflow was not done within 0.05 s"
