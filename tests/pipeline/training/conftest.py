import pytest

from pipeline.data.handle import DataHandle
from pipeline.training.job import StageJob
from tests.pipeline.training.teachers import train_teacher


@pytest.fixture(scope="session")
def teacher(digits: DataHandle, tmp_path_factory: pytest.TempPathFactory) -> StageJob:
    """A trained stage with the files that the recorder leaves."""
    return train_teacher(digits, tmp_path_factory.mktemp("teacher"))
