import re
from pathlib import Path

from reports.figures.learning import draw_learning
from reports.load import load_study
from reports.scale import scale_of
from tests.reports.fixtures import Options, write_home


def test_each_arm_has_its_seeds_thin_their_mean_bold_and_bare_behind(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    panels = {panel.arm: panel for panel in draw_learning(load_study(tmp_path, "clothing-tricks"), scale_of("top1"))}
    assert len(panels) == 14
    assert panels["-smoothing"].num_seeds == 2  # one diverged
    for name, panel in panels.items():
        assert panel.svg.count('class="curve thin"') == panel.num_seeds
        assert panel.svg.count('class="curve bold"') == 1
        assert panel.svg.count('class="curve reference"') == (name != "bare")


def test_the_bold_line_is_the_mean_of_the_thin_ones(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    panel = draw_learning(load_study(tmp_path, "clothing-tricks"), scale_of("top1"))[0]
    lines = re.findall(r'points="([^"]+)" class="curve (thin|bold)"', panel.svg)
    last = {kind: [] for kind in ("thin", "bold")}
    for points, kind in lines:
        last[kind].append(float(points.split()[-1].split(",")[1]))
    assert abs(last["bold"][0] - sum(last["thin"]) / 3) < 0.02


def test_no_curves_no_panels(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    assert draw_learning(load_study(tmp_path, "clothing-tricks"), scale_of("brier")) == ()
