from pathlib import Path

from reports.analysis.budgets import epoch_differences
from reports.analysis.study import analyse
from reports.formats.text import to_markdown
from reports.page.html import render
from reports.records.load import StudyData, load_study
from tests.reports.fixtures import Options, write_home

SENTENCE = (
    "trained epochs differ from bare's (12, 12, 12 with seeds 0, 1, 2): full ?, 8, 12; +cosine 7, 9, 12. What these "
    "arms gain or lose may come from the budget as well as from the factor"
)


def study_with(home: Path, epochs: dict[str, list[int | None]]) -> StudyData:
    """Bare and all other arms trained 12 epochs with each seed, but for these."""
    write_home(home, Options(fail=(), pictures=False))
    study = load_study(home, "clothing-tricks")
    for arm in study.plan.arms:
        for seed, n in zip(study.plan.seeds, epochs.get(arm.name, [12, 12, 12]), strict=True):
            record = study.records[arm.final.stage_hash, seed]
            assert record.cost is not None
            cost = record.cost.model_copy(update={"num_epochs": n})
            study.records[arm.final.stage_hash, seed] = record.model_copy(update={"cost": cost})
    return study


def test_arms_that_stopped_early_are_named_with_their_epochs_seed_by_seed(tmp_path: Path) -> None:
    study = study_with(tmp_path, {"+cosine": [7, 9, 12], "full": [None, 8, 12]})
    assert epoch_differences(study) == (SENTENCE,)
    found = analyse(study)
    assert found.warnings == (SENTENCE,)
    assert f"Warning: {SENTENCE}" in to_markdown(found)
    assert SENTENCE.replace("'", "&#39;") in render(study)


def test_equal_or_unknown_epochs_are_not_worth_a_sentence(tmp_path: Path) -> None:
    assert epoch_differences(study_with(tmp_path / "a", {})) == ()
    assert epoch_differences(study_with(tmp_path / "b", {"full": [None, None, None]})) == ()
    assert epoch_differences(study_with(tmp_path / "c", {"bare": [None, 12, 12], "full": [3, 12, 12]})) == ()


def test_bare_may_be_the_one_that_stopped(tmp_path: Path) -> None:
    (sentence,) = epoch_differences(study_with(tmp_path, {"bare": [12, 5, 12]}))
    assert "differ from bare's (12, 5, 12 with seeds" in sentence and "+placebo 12, 12, 12" in sentence


def test_a_study_that_has_not_run_yet(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    (tmp_path / "records.jsonl").unlink()
    assert epoch_differences(load_study(tmp_path, "clothing-tricks")) == ()
