from typing import Any

import pytest

from pipeline.spec.field_cards import FIELD_CARDS, cards_of_patch


@pytest.mark.parametrize("name", sorted(FIELD_CARDS))
def test_every_card_is_complete(name: str) -> None:
    card = FIELD_CARDS[name].card
    assert card.title and card.family and card.helps_when and card.defaults_from
    assert card.idea.endswith(".") and card.pitfalls and all(text.endswith(".") for text in card.pitfalls)
    assert card.paper is not None or card.family == "precision and speed"


@pytest.mark.parametrize("name", sorted(FIELD_CARDS))
def test_every_example_is_found_by_its_own_card(name: str) -> None:
    field = FIELD_CARDS[name]
    patch: Any = field.example
    for part in reversed(field.path.split(".")):
        patch = {part: patch}
    assert cards_of_patch(patch) == {name: field.card}


@pytest.mark.parametrize(
    ("patch", "names"),
    [
        ({"schedule": {"kind": "cosine"}}, ["cosine"]),
        ({"schedule": {"kind": "cosine", "warmup_epochs": 2}}, ["cosine", "warmup"]),
        ({"schedule": {"warmup_epochs": 2}}, ["warmup"]),
        ({"optimizer": {"kind": "adamw", "weight_decay": 0.1}}, ["adamw", "weight_decay"]),
        ({"optimizer": {"kind": "timm", "name": "nadamw", "lr": 0.1}}, ["timm"]),
        ({"optimizer": {"lr": 0.2}}, []),
        ({"precision": "bf16", "compile": "max-autotune"}, ["bf16", "torch_compile"]),
        ({"precision": "auto"}, []),
        ({"memory_format": "contiguous"}, ["channels_last"]),
        ({"data": {"augment": {"crop": {"kind": "full_image"}}}}, []),
        ({"data": {"augment": {"crop": {"kind": "random_resized_crop"}, "horizontal_flip_prob": 0}}},
         ["random_resized_crop", "horizontal_flip"]),
        ({"model": {"kind": "timm", "name": "vit_tiny_patch16_224", "drop_rate": 0.1, "drop_path_rate": 0.1}},
         ["dropout", "stochastic_depth"]),
        ({"budget": {"batch_size": 256, "num_shards": 4}}, ["batch_size", "gradient_accumulation"]),
        ({"init": {"kind": "pretrained"}}, ["pretrained"]),
        ({"init": {"kind": "scratch"}}, []),
        ({"strategies": [{"kind": "mixup"}], "recipes": []}, []),
        ({}, []),
    ],
)  # fmt: skip
def test_the_cards_of_a_patch(patch: dict[str, Any], names: list[str]) -> None:
    assert list(cards_of_patch(patch)) == names
