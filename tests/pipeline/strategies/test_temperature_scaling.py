import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional

from pipeline.spec.errors import SpecError
from pipeline.strategies.temperature_scaling import (
    COLDEST,
    HOTTEST,
    TemperatureScaling,
    TemperatureScalingConfig,
    cross_fitted,
    fit_temperature,
)
from tests.pipeline.strategies.contract import context, make_batch, teacher_of


def overconfident(num: int = 400, num_classes: int = 6, truth: float = 3.0, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Labels drawn from softmax(z / truth): the best temperature tends to `truth`."""
    generator = torch.Generator().manual_seed(seed)
    logits = 6 * torch.randn(num, num_classes, generator=generator)
    labels = torch.multinomial((logits / truth).softmax(dim=1), 1, generator=generator)[:, 0]
    return logits, labels


def nll(logits: Tensor, labels: Tensor, temperature: float = 1.0) -> float:
    return float(functional.cross_entropy(logits.double() / temperature, labels))


@pytest.mark.parametrize("truth", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_is_scipys_minimum(truth: float, seed: int) -> None:
    logits, labels = overconfident(truth=truth, seed=seed)
    theirs = minimize_scalar(
        lambda log_t: nll(logits, labels, float(np.exp(log_t))), bounds=(np.log(0.05), np.log(20)), method="bounded",
        options={"xatol": 1e-9},
    )  # fmt: skip
    assert fit_temperature(logits, labels) == pytest.approx(float(np.exp(theirs["x"])), rel=1e-5)


def test_it_is_the_optimum_of_lbfgs_as_in_the_authors_code() -> None:
    logits, labels = overconfident()
    temperature = torch.full((1,), 1.5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([temperature], max_iter=100, tolerance_change=0.0, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.cross_entropy(logits.double() / temperature, labels)
        loss.backward()
        return loss

    optimizer.step(closure)  # type: ignore[arg-type] - torch's stub wants a float
    assert fit_temperature(logits, labels) == pytest.approx(temperature.item(), rel=1e-5)


def test_many_samples_find_the_temperature_that_made_the_labels() -> None:
    assert fit_temperature(*overconfident(num=50_000)) == pytest.approx(3.0, rel=0.03)


def test_the_fit_never_makes_its_own_samples_worse() -> None:
    for seed in range(10):
        logits, labels = overconfident(num=40, truth=1.0, seed=seed)
        assert nll(logits, labels, fit_temperature(logits, labels)) <= nll(logits, labels)


def test_without_a_minimum_it_ends_at_a_bound() -> None:
    logits = overconfident(num=30)[0]
    assert fit_temperature(logits, logits.argmax(dim=1)) == COLDEST, "no fault: the surer the better"
    assert fit_temperature(logits, logits.argmin(dim=1)) == HOTTEST, "always wrong: the less sure the better"
    assert fit_temperature(torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])) == HOTTEST, "nothing to scale"


@pytest.mark.parametrize("num", [10, 41, 400])
def test_each_half_has_the_temperature_of_the_other(num: int) -> None:
    logits, labels = overconfident(num=num)
    scaled = cross_fitted(logits, labels)
    ratios = (logits / scaled).mean(dim=1)
    found = sorted({round(float(ratio), 4) for ratio in ratios})
    assert len(found) == 2
    first = torch.isclose(ratios, torch.tensor(found[0]), rtol=1e-3)
    assert abs(int(first.sum()) - num / 2) < 1
    for half in (first, ~first):
        temperature = fit_temperature(logits[~half], labels[~half])
        torch.testing.assert_close(scaled[half], logits[half] / temperature)


def test_what_is_reported_for_a_sample_does_not_look_at_its_label() -> None:
    """Turning one half's labels wrong leaves that half's own scaled logits as they are."""
    logits, labels = overconfident()
    before = cross_fitted(logits, labels)
    ratios = (logits / before).mean(dim=1)
    half = torch.isclose(ratios, ratios[0], rtol=1e-3)
    wrong = torch.where(half, (labels + 1) % 6, labels)
    after = cross_fitted(logits, wrong)
    torch.testing.assert_close(after[half], before[half])
    assert not torch.allclose(after[~half], before[~half])


def test_the_winner_stays_and_the_network_that_is_kept_is_scaled_by_all_of_val() -> None:
    model, batch = teacher_of(""), make_batch(64)
    with torch.inference_mode():
        logits = model(batch.images)
    found = TemperatureScaling(TemperatureScalingConfig(), context()).calibrate(model, logits, batch.labels)
    assert torch.equal(found.logits.argmax(dim=1), logits.argmax(dim=1))
    temperature = fit_temperature(logits, batch.labels)
    assert found.notes == {"temperature": temperature}
    with torch.inference_mode():
        torch.testing.assert_close(found.model(batch.images), logits / temperature)
        assert torch.equal(model(batch.images), logits)


def test_a_network_without_a_linear_end_is_refused_before_it_trains() -> None:
    with pytest.raises(SpecError, match="the last layer of Sequential is BatchNorm1d"):
        TemperatureScalingConfig().edit_model(nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5)), 5)
    model = teacher_of("")
    assert TemperatureScalingConfig().edit_model(model, 5) is model
