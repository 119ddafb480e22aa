import pytest

from pipeline.data.handle import DataHandle, make_handle
from pipeline.data.prepare import prepare
from pipeline.data.sources import scan
from pipeline.spec.data import Digits


@pytest.fixture(scope="session")
def digits(ray_session: None) -> DataHandle:
    """The digits, prepared once for all tests that train."""
    spec = Digits()
    listing = scan(spec)
    return make_handle(listing, prepare(spec, listing))
