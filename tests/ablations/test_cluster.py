import socket

import pytest

from ablations.running.cluster import connect
from pipeline.spec.errors import ResourceError


def test_an_address_at_which_nobody_answers_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr("ray.is_initialized", lambda: False)  # other tests may have started one
    with pytest.raises(ResourceError, match=rf"no Ray answers at RAY_ADDRESS={address} \(.*refused\); start that"):
        connect()
