import torch
from timm.models import group_parameters
from torch import nn

from pipeline.models.small_cnn import SmallCnnNet


def test_features_and_head_are_the_network() -> None:
    torch.manual_seed(0)
    model, images = SmallCnnNet(5, 3, 0.0).eval(), torch.randn(2, 3, 15, 16)
    features = model.forward_features(images)
    assert features.shape == (2, model.num_features, 4, 4)
    assert torch.equal(model.forward_head(features), model(images))
    pooled = model.forward_head(features, pre_logits=True)
    assert torch.equal(pooled, features.mean((2, 3)))
    assert torch.equal(model.get_classifier()(pooled), model(images))


def test_the_classifier_is_linear_for_all_classes() -> None:
    head = SmallCnnNet(5, 3, 0.0).get_classifier()
    assert isinstance(head, nn.Linear) and head.out_features == 5


def test_timm_groups_its_parameters_by_depth() -> None:
    groups = group_parameters(SmallCnnNet(5, 3, 0.0), SmallCnnNet(5, 3, 0.0).group_matcher())
    assert {depth: sorted({name.split(".")[1] for name in names}) for depth, names in groups.items()} == {
        0: ["0", "1"], 1: ["3", "4"], 2: ["6", "7"], 3: ["3"],
    }  # fmt: skip
    assert groups[3] == ["head.3.weight", "head.3.bias"]
