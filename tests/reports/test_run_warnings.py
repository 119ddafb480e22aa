"""What runs warn of themselves, and runs of other data before those that are compared."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.spec.records import RunRecord
from reports.analysis.run_warnings import run_warnings
from reports.analysis.stages import analyse_stages
from reports.analysis.study import analyse
from reports.page.figures.stage_graph import stage_table
from reports.records.load import StudyData, load_study
from tests.reports.fixtures import Options, write_home

WARNING = "COLLAPSED: almost every image has the same features"


def changed(home: Path, change: Callable[[RunRecord], dict[str, object]]) -> StudyData:
    """The study after an edit of its records."""
    write_home(home, Options(fail=()))
    path = home / "records.jsonl"
    records = [RunRecord.model_validate_json(line) for line in path.read_text().splitlines()]
    path.write_text("".join(r.model_copy(update=change(r)).model_dump_json() + "\n" for r in records))
    return load_study(home, "clothing-tricks")


def test_a_study_without_any_has_none(tmp_path: Path) -> None:
    assert run_warnings(changed(tmp_path, lambda record: {})) == ()


def test_a_warning_of_an_earlier_stage_names_its_arms_and_seeds(tmp_path: Path) -> None:
    study = changed(
        tmp_path, lambda r: {"warnings": (f"{WARNING} {r.seed}",)} if r.stage == "teacher" and r.seed < 2 else {}
    )
    (warning,) = run_warnings(study)
    arms = [arm.name for arm in study.plan.arms if "distill" in arm.factors]
    assert warning.startswith("stage teacher of ")
    assert arms[0] in warning
    assert warning.endswith(f", seeds 0, 1: {WARNING} 0"), "the words of the first"
    analysis = analyse(study)
    assert warning in analysis.warnings


def test_other_data_before_a_run_is_no_deviation_and_of_a_compared_run_it_is(tmp_path: Path) -> None:
    before = changed(tmp_path / "before", lambda r: {"data_fingerprint": "11" * 32} if r.stage == "teacher" else {})
    assert before.other_fingerprints == ()
    assert not [w for w in analyse(before).warnings if "fingerprint" in w]
    itself = changed(tmp_path / "itself", lambda r: {"data_fingerprint": "11" * 32} if r.seed == 0 else {})
    assert itself.other_fingerprints == ("11" * 32,)
    assert [w for w in analyse(itself).warnings if "fingerprint" in w]


def test_what_features_say_is_averaged_over_seeds_and_shown_with_the_stages(tmp_path: Path) -> None:
    numbers = {"val/knn_top1": 0.3, "val/probe_top1": 0.4, "val/feature_spread": 0.25, "val/effective_rank": 12.0}

    def changes(record: RunRecord) -> dict[str, object]:
        if record.stage != "teacher":
            return {}
        return {"metrics": {name: value * (1 + record.seed) for name, value in numbers.items()}}

    graph = analyse_stages(changed(tmp_path, changes))
    (teacher,) = [node for node in graph.nodes if node.representation is not None]
    assert teacher.names == ("teacher",)
    found = teacher.representation
    assert found is not None
    assert found.num_seeds == 3
    assert (found.knn_top1, found.effective_rank) == pytest.approx((0.6, 24.0))
    table = stage_table(graph)
    assert table.columns[-1] == "what its features say about val"
    cells = [row[-1] for row in table.rows]
    assert cells[graph.nodes.index(teacher)] == (
        "nearest neighbours 60.0%, linear probe 80.0%; spread 0.50 of 1, effective rank 24.0 (mean of 3 seeds)"
    )
    assert len(set(cells)) == 2, "a dash for all others"


def test_without_such_stages_the_table_has_no_such_column(tmp_path: Path) -> None:
    assert stage_table(analyse_stages(changed(tmp_path, lambda record: {}))).columns[-1] == "with all before it"
