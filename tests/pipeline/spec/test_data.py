import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.spec.data import AnyData, Digits, ImageFolder, Parquet, RandomResizedCrop


def test_the_kind_decides_the_model() -> None:
    adapter = TypeAdapter(AnyData)
    assert isinstance(adapter.validate_python({"kind": "parquet", "path": "x"}), Parquet)
    with pytest.raises(ValidationError, match="'image_folder', 'parquet', 'digits'"):
        adapter.validate_python({"kind": "folder", "path": "x"})


@pytest.mark.parametrize("spec", [Digits(), ImageFolder(path="a"), Parquet(path="b", label_column="y")])
def test_round_trip_through_json(spec: AnyData) -> None:
    assert TypeAdapter(AnyData).validate_json(spec.model_dump_json()) == spec


def test_stored_copies_are_a_quarter_larger_unless_said_otherwise() -> None:
    assert ImageFolder(path="a", image_size_px=128).short_side_px == 160
    assert ImageFolder(path="a", image_size_px=128, prepared_px=96).short_side_px == 96
    assert Digits().short_side_px == 8


@pytest.mark.parametrize(
    "limits",
    [{"min_area_frac": 0.9, "max_area_frac": 0.5}, {"min_aspect": 2.0, "max_aspect": 1.0}],
)
def test_limits_must_be_in_order(limits: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="must hold"):
        RandomResizedCrop.model_validate(limits)


@pytest.mark.parametrize(
    ("field", "value"),
    [("image_size_px", 7), ("val_frac", 0.0), ("val_frac", 1.0), ("eval_crop_frac", 0.0), ("prepared_px", 4)],
)
def test_impossible_values_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError, match=field):
        ImageFolder.model_validate({"path": "a", field: value})
