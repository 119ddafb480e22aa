"""The trick that README.md shows is one that works as it stands there."""

import re
from pathlib import Path

import pytest
import yaml

from ablations.commands.cards import card_lines
from ablations.grid.spec import parse_grid
from tests.ablations.grids import HEAD
from tests.ablations.studies import ablate

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()
TARGET = "my_trick:CentralizeConfig"


def block(language: str, containing: str) -> str:
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    found = [text for kind, text in blocks if kind == language and containing in text]
    assert len(found) == 1, f"README has {len(found)} {language or 'plain'} blocks with {containing!r}"
    return found[0]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file, as the reader would have it."""
    (tmp_path / "my_trick.py").write_text(block("python", "CentralizeConfig"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_trick_keeps_the_contract_and_prints_what_the_readme_shows(here: Path) -> None:
    result = ablate("check", TARGET)
    assert (result.exit_code, result.err) == (0, "")
    assert result.out == block("", f"{TARGET} keeps the contract")


def test_its_grid_and_its_card_are_valid(here: Path) -> None:
    factors = yaml.safe_load(block("yaml", TARGET))["factors"]
    stage = parse_grid({**yaml.safe_load(HEAD), "factors": factors}, "README").experiment(("centralize",))
    assert [strategy.key for strategy in stage.strategies] == [TARGET]
    assert card_lines(TARGET)[0] == f"Gradient centralization  [{TARGET}, optimization]"


def test_it_takes_the_mean_out_of_each_row(here: Path) -> None:
    import torch

    from pipeline.strategies.custom import load_trick
    from tests.pipeline.strategies.contract import context

    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4, 2))
    model(torch.randn(5, 3, 3, 3, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    before = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    config = load_trick(TARGET)()
    config.runtime(config, context()).before_step(model)
    for p, was in zip(model.parameters(), before, strict=True):
        assert p.grad is not None
        for row, old in zip(p.grad, was, strict=True):  # eq. 1 of the paper, row by row; vectors stay
            torch.testing.assert_close(row, old - old.mean() if was.ndim > 1 else old, rtol=1e-4, atol=1e-5)
