import pytest

from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.prepare import prepare
from pipeline.data.sources import scan
from pipeline.spec.data import Digits
from tests.pipeline.inline import digits_in_memory, without_ray


@pytest.fixture(scope="session")
def digits(ray_session: None) -> DataHandle:
    """The digits, prepared once with Ray for all tests that stream."""
    spec = Digits()
    listing = scan(spec)
    return make_handle(listing, prepare(spec, listing))


@pytest.fixture(scope="session")
def digits_memory() -> DataHandle:
    """The digits, prepared once in this process."""
    return digits_in_memory()


@pytest.fixture
def inline_digits(digits_memory: DataHandle, monkeypatch: pytest.MonkeyPatch) -> DataHandle:
    """The digits for training in this process alone."""
    without_ray(monkeypatch)
    return digits_memory
