import pytest

from pipeline.contract.lab import Lab
from pipeline.contract.stages import digits_in, prepared_here, train_teacher
from pipeline.data.handle import DataHandle
from pipeline.training.job import StageJob

__all__ = ["prepared_here"]  # tests import it from here


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> DataHandle:
    """The digits, prepared once for all tests."""
    return digits_in(tmp_path_factory.mktemp("digits"))


@pytest.fixture(scope="session")
def teacher(digits: DataHandle, tmp_path_factory: pytest.TempPathFactory) -> StageJob:
    """A trained stage with the files that the recorder leaves."""
    return train_teacher(digits, tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="session")
def lab(digits: DataHandle, teacher: StageJob, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Where the contract's stages are trained."""
    return Lab(digits, teacher, tmp_path_factory.mktemp("lab"))
