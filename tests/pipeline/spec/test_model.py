import pytest

from pipeline.spec.errors import SpecError
from pipeline.spec.model import SmallCnn


def test_the_head_fits_the_data_unless_it_is_fixed() -> None:
    assert SmallCnn().head_size(7) == 7
    assert SmallCnn(num_classes=9).head_size(7) == 9


def test_a_head_that_is_too_small_is_refused() -> None:
    with pytest.raises(SpecError, match="num_classes=5, but the data has 7 classes"):
        SmallCnn(num_classes=5).head_size(7)
