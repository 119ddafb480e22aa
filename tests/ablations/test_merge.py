import copy

import pytest

from ablations.grid.merge import apply_patch, check_owners, merge, owned_fields, undot
from pipeline.spec.errors import SpecError

SGD = {"kind": "sgd", "lr": 0.1}


def own(target: str) -> dict:
    return {"kind": "custom", "target": target}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({"optimizer.lr": 0.2}, {"optimizer": {"lr": 0.2}}),
        ({"data.augment.crop.min_area_frac": 0.5}, {"data": {"augment": {"crop": {"min_area_frac": 0.5}}}}),
        ({"optimizer.lr": 0.2, "optimizer.momentum": 0.5}, {"optimizer": {"lr": 0.2, "momentum": 0.5}}),
        ({"optimizer": {"momentum": 0.5}, "optimizer.lr": 0.2}, {"optimizer": {"momentum": 0.5, "lr": 0.2}}),
        ({"optimizer.lr": 0.2, "optimizer": {"momentum": 0.5}}, {"optimizer": {"lr": 0.2, "momentum": 0.5}}),
        ({"strategies": [{"kind": "mixup"}]}, {"strategies": [{"kind": "mixup"}]}),
        ({}, {}),
    ],
)
def test_dotted_paths_are_nested_mappings_and_the_patch_stays_as_written(patch: dict, expected: dict) -> None:
    before = copy.deepcopy(patch)
    assert undot(patch, "factors.a") == expected
    assert patch == before


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        ({"optimizer": 3, "optimizer.lr": 0.2}, r"factors\.a: 'optimizer\.lr' goes below 'optimizer'"),
        ({"strategies": "mixup"}, r"factors\.a\.strategies: expected a list .* not 'mixup'"),
        ({"recipes": None}, r"factors\.a\.recipes: expected a list .* not None"),
    ],
)
def test_impossible_patches_are_refused(patch: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        undot(patch, "factors.a")


def test_a_patch_with_a_kind_owns_the_field_and_one_without_owns_its_leaves() -> None:
    patch = {
        "optimizer": {"kind": "adamw", "lr": 0.01},
        "data": {"image_size_px": 32, "augment": {"horizontal_flip_prob": 0.0}},
        "precision": "bf16",
        "strategies": [{"kind": "mixup"}],
    }
    assert owned_fields(patch) == {"optimizer", "data.image_size_px", "data.augment.horizontal_flip_prob", "precision"}


@pytest.mark.parametrize(
    ("first", "second", "claim"),
    [
        ({"optimizer": {"lr": 0.2}}, {"optimizer": {"lr": 0.3}}, "optimizer.lr"),
        ({"optimizer": {"kind": "adamw"}}, {"optimizer": {"lr": 0.3}}, "optimizer.lr"),
        ({"optimizer": {"lr": 0.3}}, {"optimizer": {"kind": "adamw"}}, "optimizer"),
        ({"strategies": [{"kind": "mixup"}]}, {"strategies": [{"kind": "mixup", "alpha": 1}]}, "strategies[mixup]"),
        ({"recipes": [{"kind": "teacher_student"}]}, {"recipes": [{"kind": "teacher_student"}]}, "teacher_student"),
        ({"strategies": [own("a:A")]}, {"strategies": [own("a:A") | {"options": {"x": 1}}]}, "strategies[a:A]"),
    ],
)
def test_two_factors_that_set_the_same_field_are_refused_by_name(first: dict, second: dict, claim: str) -> None:
    with pytest.raises(SpecError, match=r"factors 'one' and 'two' both set .*ambiguous") as caught:
        check_owners({"one": first, "two": second}, {"one": ("one",), "two": ("two",)})
    assert claim in str(caught.value)


def test_neighbouring_fields_and_different_kinds_have_an_owner_each() -> None:
    patches = {
        "lr": {"optimizer": {"lr": 0.2}},
        "momentum": {"optimizer": {"momentum": 0.5}},
        "mixup": {"strategies": [{"kind": "mixup"}]},
        "smoothing": {"strategies": [{"kind": "label_smoothing"}]},
        "mine": {"strategies": [own("a:A")]},
        "yours": {"strategies": [own("a:B")]},
        # "data.image_size" is no parent of "data.image_size_px"
        "size": {"data": {"image_size_px": 32}},
        "other": {"data": {"image_size": 1}},
    }
    check_owners(patches, {name: (name,) for name in patches})


def test_levels_of_one_factor_may_set_the_same_field_but_not_that_of_another_factor() -> None:
    patches = {"lr=low": {"optimizer": {"lr": 0.1}}, "lr=high": {"optimizer": {"lr": 0.3}}}
    check_owners(patches, {"lr": ("lr=low", "lr=high")})
    with pytest.raises(SpecError, match=r"'lr' and 'other' both set 'optimizer.lr'.*levels of one factor"):
        check_owners(patches | {"other": patches["lr=low"]}, {"lr": ("lr=low", "lr=high"), "other": ("other",)})


@pytest.mark.parametrize(
    ("base", "patch", "expected"),
    [
        ({"optimizer": SGD}, {"optimizer": {"lr": 0.2}}, {"optimizer": {"kind": "sgd", "lr": 0.2}}),
        ({"optimizer": SGD}, {"optimizer": {"kind": "adamw"}}, {"optimizer": {"kind": "adamw"}}),
        ({"optimizer": SGD}, {"schedule": {"warmup_epochs": 1}}, {"optimizer": SGD, "schedule": {"warmup_epochs": 1}}),
        (
            {"strategies": [{"kind": "mixup"}]},
            {"strategies": [{"kind": "placebo"}]},
            {"strategies": [{"kind": "mixup"}, {"kind": "placebo"}]},
        ),
        ({"precision": "fp32"}, {"precision": "bf16"}, {"precision": "bf16"}),
    ],
)
def test_sets_are_joined_kinds_replace_and_the_rest_is_merged(base: dict, patch: dict, expected: dict) -> None:
    before = copy.deepcopy(base)
    assert apply_patch(base, patch) == expected
    assert base == before


def test_only_the_factors_that_are_on_change_the_recipe_in_any_order() -> None:
    base = {"optimizer": SGD}
    factors = {"a": {"optimizer": {"lr": 0.2}}, "b": {"optimizer": {"momentum": 0.5}}, "c": {"precision": "bf16"}}
    assert merge(base, factors, ()) == base
    both = {"optimizer": {"kind": "sgd", "lr": 0.2, "momentum": 0.5}}
    assert merge(base, factors, ("a", "b")) == merge(base, factors, ("b", "a")) == both
