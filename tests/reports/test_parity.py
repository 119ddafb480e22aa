"""Tuned or not: the mark of every arm, its budget and settings, and the warning, wherever a report says it."""

import json

import pytest

from pipeline.spec.promise import Promise
from pipeline.spec.retuning import ArmSearch, Candidate, PromisedSearch, Retuning
from pipeline.spec.tuning import LogUniform
from reports.analysis.plan_changes import changes
from reports.analysis.study import analyse
from reports.formats.text import to_json
from reports.records.load import StudyData
from tests.reports.test_effects import study_of
from tests.reports.test_wording_everywhere import PLACES

RANGE = LogUniform(low=0.01, high=1.0)


def search(arm: str, values: list[float], chosen: int | None, **fields: object) -> ArmSearch:
    tried = tuple(Candidate(arm=f"{arm} trial-{i}", values={"optimizer.lr": value}) for i, value in enumerate(values))
    return ArmSearch.model_validate(
        {"arm": arm, "space": {"optimizer.lr": RANGE} if values else {}, "candidates": tried, "chosen": chosen,
         "num_finished": 0 if chosen is None else len(values), "score": None if chosen is None else 0.93} | fields
    )  # fmt: skip


def retuned_study(x: ArmSearch) -> StudyData:
    study = study_of({"bare": [0.90, 0.91, 0.92], "x": [0.91, 0.93, 0.92]})
    bare = search("bare", [0.1, 0.95, 0.3], 1)
    retuning = Retuning(study="s-retune", fields=("optimizer.lr",), trials=3, seed=7, arms=(bare, x))
    return StudyData(study.plan.model_copy(update={"retuning": retuning}), study.records, study.timings, study.files)


TUNED = search("x", [0.1, 0.2, 0.3], 1)
HELD = search("x", [], None, held={"optimizer.lr": "x sets it"})


@pytest.mark.parametrize("where", ["html", "markdown", "json"])
def test_every_arm_is_marked_with_its_budget_its_settings_and_both_of_its_scores(where: str) -> None:
    study = retuned_study(TUNED)
    text = PLACES[where](study, analyse(study))
    assert "3 trials of every arm for optimizer.lr on validation with seed 7" in text
    assert "this study tuned none" not in text and "Unequal tuning" not in text
    if where == "json":
        parity = json.loads(text)["parity"]
        assert [arm["mark"] for arm in parity["arms"]] == ["tuned", "tuned"]
        assert parity["arms"][1]["settings"] == {"optimizer.lr": "0.2"} and parity["unequal"] == []
        return
    for words in ("optimizer.lr = 0.2", "optimizer.lr = 0.95 (near the edge of its range)", "3 of 3", "93.00", "92.00"):
        assert words in text, words


@pytest.mark.parametrize("where", ["html", "markdown", "json", "latex", "terminal"])
def test_a_tuned_arm_against_an_untuned_one_is_said_everywhere(where: str) -> None:
    study = retuned_study(HELD)
    text = PLACES[where](study, analyse(study))
    assert "Unequal tuning, a tuned arm against one that is not, or less: x added to bare" in text
    if where in ("html", "markdown"):
        assert "not tuned" in text and "x sets it" in text and "as written" in text


def test_an_arm_whose_trials_all_failed_is_not_tuned() -> None:
    parity = analyse(retuned_study(search("x", [0.1, 0.2, 0.3], None))).parity
    assert parity is not None
    x = parity.arms[1]
    assert (x.mark, x.num_finished, x.held) == ("not tuned", 0, {"optimizer.lr": "no trial has a score"})
    assert parity.unequal == ("x added to bare",)


def test_a_search_that_changes_after_the_promise_is_a_deviation() -> None:
    def promise(trials: int | None) -> Promise:
        plain = study_of({"bare": [0.9, 0.91], "x": [0.91, 0.93]}).plan.promise
        found = (
            None if trials is None else PromisedSearch(trials=trials, seed=7, spaces={"bare": {"optimizer.lr": RANGE}})
        )
        return plain.model_copy(update={"retune": found})

    assert changes(promise(8), promise(8)) == ()
    (more,) = changes(promise(8), promise(16))
    assert more.what == "retune" and "8 trials for optimizer.lr" in more.text and "16 trials" in more.text
    (dropped,) = changes(promise(8), promise(None))
    assert "now from the grid" in dropped.text


def test_a_study_without_searches_has_no_section() -> None:
    study = study_of({"bare": [0.90, 0.91], "x": [0.91, 0.93]})
    assert analyse(study).parity is None and '"parity": null' in to_json(analyse(study))
    assert 'id="tuning"' not in PLACES["html"](study, analyse(study))
