"""Heat maps and right and wrong examples, from files to the page."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.spec.errors import RecordError
from pipeline.spec.records import run_key
from reports.analysis.compared_arms import compared_arms
from reports.analysis.explained import MAX_IMAGES, analyse_explained
from reports.analysis.study import analyse
from reports.page.evidence import draw_evidence
from reports.page.pictures import PictureBook
from reports.records.load import StudyData, load_study
from reports.records.pictures import read_heat, read_thumbnails
from reports.results.seen import ComparedArms, ExplainedAnalysis
from tests.reports.fixtures import Options, write_home

ARMS = ComparedArms(reference="bare", other="full", why="")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_home(folder, Options(fail=(("bare", 0),)))  # so that the second seed is the first with both
    return folder


@pytest.fixture(scope="module")
def study(home: Path) -> StudyData:
    return load_study(home, "clothing-tricks")


@pytest.fixture(scope="module")
def found(study: StudyData) -> ExplainedAnalysis:
    result = analyse_explained(study, ARMS)
    assert result is not None
    return result


def test_each_image_is_in_the_group_that_its_predictions_say(study: StudyData, found: ExplainedAnalysis) -> None:
    assert (found.seed, found.num_images) == (1, 64)
    runs = [study.predictions((study.plan.arm(name).final.stage_hash, 1)) for name in ("bare", "full")]
    heat = read_heat(study, (study.plan.arm("bare").final.stage_hash, 1))
    assert heat is not None and runs[0] is not None and runs[1] is not None
    row_of = {str(name): i for i, name in enumerate(runs[0]["val/id"])}
    expected: dict[tuple[bool, bool], list[str]] = {}
    for name in heat.ids:
        right = [bool(run["val/predicted"][row_of[name]] == run["val/label"][row_of[name]]) for run in runs if run]
        expected.setdefault((right[0], right[1]), []).append(name)
    keys = [(False, True), (True, False), (True, True), (False, False)]
    assert sum(len(names) for names in expected.values()) == sum(group.num_images for group in found.groups) == 64
    for key, group in zip(keys, found.groups, strict=True):
        names = expected.get(key, [])
        assert group.num_images == len(names) > 0
        assert [image.id for image in group.images] == names[:MAX_IMAGES]
        for image in group.images:
            row = row_of[image.id]
            for answer, run in ((image.reference, runs[0]), (image.other, runs[1])):
                assert answer.predicted_class == study.plan.data.class_names[run["val/predicted"][row]]
                assert answer.confidence == pytest.approx(run["val/confidence"][row])


def test_the_map_lies_over_the_part_that_the_network_saw(study: StudyData, found: ExplainedAnalysis) -> None:
    """The middle 0.875 of 48 pixels: from 3 to 45."""
    groups = draw_evidence(study, found, read_thumbnails(study), PictureBook("p"))
    opinion = groups[0].examples[0].opinions[1]
    assert opinion.arm == "full" and opinion.right
    svg = str(opinion.svg)
    assert 'viewBox="3 3 42 42"' in svg
    assert '<image x="3" y="3" width="42" height="42"' in svg
    heat = read_heat(study, (study.plan.arm("full").final.stage_hash, 1))
    assert heat is not None
    drawn = Image.open(io.BytesIO(base64.b64decode(re.findall(r"image/png;base64,([^\"]+)", svg)[0])))
    image = found.groups[0].images[0]
    np.testing.assert_array_equal(np.asarray(drawn), heat.maps[heat.ids.index(image.id)])
    assert f"Evidence of full for {image.other.predicted_class} (" in svg


def test_an_image_without_a_small_picture_is_told_in_words(study: StudyData, found: ExplainedAnalysis) -> None:
    example = draw_evidence(study, found, {}, PictureBook("p"))[0].examples[0]
    assert example.svg is None and all(opinion.svg is None for opinion in example.opinions)
    assert all(re.fullmatch(r".+ \(\d+%\)", opinion.text) for opinion in example.opinions)


def test_runs_without_maps_are_no_examples(study: StudyData) -> None:
    assert analyse_explained(study, ComparedArms(reference="bare", other="bare", why="")) is not None
    without = StudyData(study.plan, {}, [], study.files)
    assert analyse_explained(without, ARMS) is None


def test_a_damaged_file_is_named(home: Path, study: StudyData) -> None:
    run = (study.plan.arm("+cosine").final.stage_hash, 2)
    (home / "runs" / run_key(*run) / "explain.npz").write_bytes(b"PK and no more")
    with pytest.raises(RecordError, match=rf"explain.npz of run {run_key(*run)}: cannot be read .*delete it"):
        read_heat(study, run)


def test_bare_is_compared_with_the_recipe_to_keep(tmp_path: Path) -> None:
    write_home(tmp_path)
    study = load_study(tmp_path, "clothing-tricks")
    analysis = analyse(study)
    kept = analysis.recipe_to_keep
    assert kept.factors

    def arms(**changes: object) -> ComparedArms | None:
        recipe = kept.model_copy(update=changes)
        return compared_arms(study, analysis.model_copy(update={"recipe_to_keep": recipe}))

    one = arms(arm="+cosine")
    assert one == ComparedArms(reference="bare", other="+cosine", why="+cosine is the recipe to keep.")
    other = arms(arm=None)
    assert other is not None and other.other == "full" and other.why.startswith("The recipe to keep was not run itself")
    nothing = arms(arm="bare", factors=())
    assert nothing is not None and nothing.why == "Nothing was found to help; full has every factor."
    alone = study.plan.model_copy(update={"arms": tuple(arm for arm in study.plan.arms if arm.name != "full")})
    none_kept = analysis.model_copy(update={"recipe_to_keep": kept.model_copy(update={"arm": "bare", "factors": ()})})
    best = compared_arms(StudyData(alone, study.records, [], study.files), none_kept)
    added = {e.treatment: e.estimate for e in analysis.effects if e.reference == "bare" and e.estimate is not None}
    assert best is not None and best.other == max(added, key=lambda name: added[name])
    assert "Picked after the results were seen" in best.why
    without_bare = alone.model_copy(update={"arms": tuple(arm for arm in alone.arms if arm.factors)})
    assert compared_arms(StudyData(without_bare, {}, [], study.files), none_kept) is None
