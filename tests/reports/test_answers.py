"""What the first screen says about each factor."""

from dataclasses import replace

import pytest

from reports.analysis.study import analyse
from reports.page.answers import FEW, Standing, answers, first_screen, standing_of
from reports.records.load import load_study
from reports.results.study import Analysis
from reports.scale import scale_of
from reports.stats.verdict import Verdict
from tests.reports.fixtures import Options, write_home


@pytest.fixture(scope="module")
def analysis(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    home = tmp_path_factory.mktemp("home")
    write_home(home, Options(pictures=False, fail=()))
    return analyse(load_study(home, "clothing-tricks"))


def ruled(analysis: Analysis, *verdicts: Verdict) -> Analysis:
    """Cosine with these verdicts, alone and within the full recipe, and nothing kept."""
    own = [effect for effect in analysis.effects if effect.factor == "cosine"]
    effects = tuple(effect.model_copy(update={"verdict": v}) for effect, v in zip(own, verdicts, strict=True))
    nothing = analysis.recipe_to_keep.model_copy(update={"factors": (), "left_out": ()})
    return analysis.model_copy(update={"effects": effects, "recipe_to_keep": nothing})


@pytest.mark.parametrize(
    ("verdicts", "standing"),
    [
        ((Verdict.HELPS, Verdict.TOO_NOISY), Standing.IN_PART),
        ((Verdict.HELPS_SIZE_UNCERTAIN, Verdict.HURTS), Standing.DEPENDS),
        ((Verdict.HELPS, Verdict.UNSTABLE), Standing.DEPENDS),
        ((Verdict.HURTS, Verdict.NO_EVIDENCE), Standing.HURTS),
        ((Verdict.UNSTABLE, Verdict.NOT_ASSESSED), Standing.HURTS),
        ((Verdict.NO_MEANINGFUL_DIFFERENCE, Verdict.NO_EFFECT), Standing.EQUAL),
        ((Verdict.NO_MEANINGFUL_DIFFERENCE, Verdict.NO_EVIDENCE), Standing.UNDECIDED),
        ((Verdict.SUGGESTIVE, Verdict.SUGGESTIVE), Standing.UNDECIDED),
        ((Verdict.CONFOUNDED, Verdict.NOT_ASSESSED), Standing.UNDECIDED),
    ],
)
def test_the_standing_follows_from_the_verdicts(
    analysis: Analysis, verdicts: tuple[Verdict, ...], standing: Standing
) -> None:
    assert standing_of("cosine", ruled(analysis, *verdicts)) is standing


def test_what_is_kept_is_what_the_recipe_keeps(analysis: Analysis) -> None:
    kept = {name for name in analysis.answers if standing_of(name, analysis) is Standing.KEEP}
    assert kept == set(analysis.recipe_to_keep.factors) == {"cosine", "distill"}
    recipe = analysis.recipe_to_keep.model_copy(update={"factors": ("cosine",), "left_out": ("distill",)})
    assert standing_of("distill", analysis.model_copy(update={"recipe_to_keep": recipe})) is Standing.LEFT_OUT


def test_what_can_be_acted_on_comes_first_with_its_cost(analysis: Analysis) -> None:
    found = answers(analysis, scale_of("top1"))
    assert [answer.factor for answer in found] == ["cosine", "distill", "mixup", "progressive", "smoothing"]
    assert {answer.factor for answer in found} == set(analysis.answers)
    distill = found[1]
    assert distill.step_ratio.startswith("1.4") and distill.step_ratio.endswith("x")
    assert distill.step_range.startswith("[1.4")


def test_a_teacher_is_not_for_free(analysis: Analysis) -> None:
    """A step of the student does not show what its teacher cost."""
    bare, student = (next(arm for arm in analysis.arms if arm.name == name) for name in ("bare", "+distill"))
    assert bare.samples_with_ancestors and student.samples_with_ancestors
    expected = f"{student.samples_with_ancestors / bare.samples_with_ancestors:.1f}x"
    found = {answer.factor: answer.images_ratio for answer in answers(analysis, scale_of("top1"))}
    assert found == {"cosine": "", "distill": expected, "mixup": "", "progressive": "", "smoothing": ""}
    assert expected == "2.0x", "the teacher trains as long as its student"


def test_every_sign_and_word_is_its_own_but_for_the_two_that_help() -> None:
    assert len({standing.label for standing in Standing}) == len(Standing)
    assert len({standing.mark for standing in Standing}) == len(Standing) - 1


def test_of_many_answers_only_those_to_act_on_are_unfolded(analysis: Analysis) -> None:
    found = answers(analysis, scale_of("top1"))
    assert first_screen(found).shown == found and first_screen(found).folded == {}
    undecided = found[-1]
    many = found[:-1] + tuple(replace(undecided, factor=f"f{i}") for i in range(FEW))
    screen = first_screen(many)
    assert [answer.factor for answer in screen.shown] == ["cosine", "distill", "mixup", "progressive"]
    assert screen.has_stages and not first_screen((undecided,)).has_stages
    assert {label: len(group) for label, group in screen.folded.items()} == {"undecided": FEW}
