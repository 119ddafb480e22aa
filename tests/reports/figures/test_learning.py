import re
from pathlib import Path

from pipeline.spec.records import Curves
from pipeline.spec.study import Arm, DataSummary, Metric, PlannedStage, StudyPlan
from reports.analysis.learning import analyse_learning
from reports.page.figures.learning import LEFT, RIGHT, By, Panel, draw_learning
from reports.records.load import RunId, StudyData, load_study
from reports.scale import scale_of
from tests.reports.fixtures import Options, write_home


def drawn(study: StudyData, metric: str = "top1", by: By = "epoch") -> tuple[Panel, ...]:
    return draw_learning(analyse_learning(study, scale_of(metric)), "bare", scale_of(metric), by)


def test_each_arm_has_its_seeds_thin_their_mean_bold_and_bare_behind(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    panels = {panel.arm: panel for panel in drawn(load_study(tmp_path, "clothing-tricks"))}
    assert len(panels) == 14
    assert panels["-smoothing"].num_seeds == 2  # one diverged
    for name, panel in panels.items():
        assert panel.svg.count('class="curve thin"') == panel.num_seeds
        assert panel.svg.count('class="curve bold"') == 1
        assert panel.svg.count('class="curve reference"') == (name != "bare")


def test_the_bold_line_is_the_mean_of_the_thin_ones(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    panel = drawn(load_study(tmp_path, "clothing-tricks"))[0]
    lines = re.findall(r'points="([^"]+)" class="curve (thin|bold)"', panel.svg)
    last = {kind: [] for kind in ("thin", "bold")}
    for points, kind in lines:
        last[kind].append(float(points.split()[-1].split(",")[1]))
    assert abs(last["bold"][0] - sum(last["thin"]) / 3) < 0.02


def test_no_curves_no_panels(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    assert drawn(load_study(tmp_path, "clothing-tricks"), metric="brier") == ()


def test_the_last_epoch_ends_at_the_right_edge_however_few_there_are() -> None:
    """Epochs count from 0: two of them once filled half the panel."""
    arm = Arm(name="bare", factors=(), stages=(PlannedStage(name="main", stage_hash="h", spec={}),), recipe={})
    plan = StudyPlan(
        study="s", metric=Metric(), seeds=(0,), design="add_one_in", arms=(arm,), comparisons=(),
        data=DataSummary(fingerprint="f", class_names=("a", "b"), num_samples={}),
    )  # fmt: skip
    study = StudyData(plan, {}, [], TwoEpochs())
    (panel,) = drawn(study)
    points = re.search(r'points="([^"]+)" class="curve bold"', panel.svg)
    assert points and [float(point.split(",")[0]) for point in points[1].split()] == [LEFT, RIGHT]


class TwoEpochs:
    """The files of a run of two epochs."""

    def read(self, run: RunId, name: str) -> bytes | None:
        return Curves(epoch=(0, 1), elapsed_s=(1.0, 2.0), series={"val/top1": (0.5, 0.6)}).model_dump_json().encode()
