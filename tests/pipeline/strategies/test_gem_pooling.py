import pytest
import torch
from pydantic import ValidationError

from pipeline.models.build import build_model
from pipeline.models.pooling import GeM
from pipeline.spec.model import SmallCnn
from pipeline.spec.optim import Sgd
from pipeline.strategies.gem_pooling import GemPoolingConfig
from pipeline.training.optimizer import build_optimizer, param_options
from tests.pipeline.strategies.contract import context


def test_the_exponent_learns_and_does_not_decay() -> None:
    config = GemPoolingConfig()
    torch.manual_seed(0)
    model = config.edit_model(build_model(SmallCnn(width=4), 5), 5)
    spec = Sgd(lr=0.1, momentum=0.0, weight_decay=0.5)
    options = config.runtime(config, context()).edit_params(param_options(spec, model), model)
    assert [name for name, own in options.items() if own.weight_decay == 0.0] == ["head.0.p"]
    optimizer = build_optimizer(spec, model, options)
    pool = model.head[0]  # type: ignore[index]
    assert isinstance(pool, GeM) and pool.p.tolist() == [3.0]
    model(torch.randn(4, 3, 16, 16)).square().sum().backward()
    assert pool.p.grad is not None
    expected = pool.p.detach() - 0.1 * pool.p.grad
    optimizer.step()
    torch.testing.assert_close(pool.p.detach(), expected)
    assert not torch.equal(pool.p.detach(), torch.tensor([3.0]))


@pytest.mark.parametrize("p", [0.5, 21.0])
def test_impossible_exponents_are_refused(p: float) -> None:
    with pytest.raises(ValidationError, match="p"):
        GemPoolingConfig(p=p)
