import pytest
import timm
import torch

from pipeline.data.handle import DataHandle
from pipeline.models.small_cnn import SmallCnnNet
from pipeline.strategies.frozen_backbone import FrozenBackboneConfig
from pipeline.training.network import Network
from pipeline.training.team import Team
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.contract import context
from tests.pipeline.training.watching import Watched, watched_training

STRATEGY = FrozenBackboneConfig.runtime(FrozenBackboneConfig(), context())


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "convnext_atto"])
@pytest.mark.parametrize("progress", [0.0, 0.9])
def test_only_timms_classifier_learns(name: str, progress: float) -> None:
    with torch.device("meta"):
        model = timm.create_model(name, num_classes=7)
    config = timm.get_pretrained_cfg(name)
    assert config is not None
    classifier = config.classifier
    assert STRATEGY.trainable(model, progress) == {f"{classifier}.weight", f"{classifier}.bias"}


@pytest.fixture(scope="module")
def probe(digits: DataHandle, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    spec = digits_stage(example("frozen_backbone"))
    return watched_training(spec, digits, tmp_path_factory.mktemp("probe"))


def test_backbone_and_its_statistics_keep_every_bit_and_the_head_learns(probe: Watched) -> None:
    for name, value in probe.states[-1].items():
        assert torch.equal(value, probe.start[name]) == (not name.startswith("head.")), name


def test_the_optimizer_knows_nothing_of_the_backbone(probe: Watched) -> None:
    assert probe.with_optimizer_state == [{"head.3.weight", "head.3.bias"}] * 3


def test_it_is_a_linear_classifier_on_fixed_features(probe: Watched) -> None:
    """Evaluated in two steps, features and then torch's linear map, it says the same."""
    model = SmallCnnNet(10, 4, 0.0)
    model.load_state_dict(probe.start | {k: v for k, v in probe.states[-1].items() if k.startswith("head.")})
    whole = SmallCnnNet(10, 4, 0.0)
    whole.load_state_dict(probe.states[-1])
    images = torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    features = model.eval().features(images).mean(dim=(2, 3))
    logits = torch.nn.functional.linear(features, probe.states[-1]["head.3.weight"], probe.states[-1]["head.3.bias"])
    torch.testing.assert_close(whole.eval()(images), logits)


def test_a_frozen_timm_network_trains_its_head_only() -> None:
    torch.manual_seed(0)
    model = timm.create_model("resnet10t", num_classes=3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network = Network(model, Team.alone(), "off")
    network.train_only(STRATEGY.trainable(model, 0.0))
    network.train_mode()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    model(torch.randn(4, 3, 32, 32)).square().mean().backward()
    optimizer.step()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]) == (not name.startswith("fc.")), name
