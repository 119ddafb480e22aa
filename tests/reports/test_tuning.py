"""What a search is said to have found, and its page."""

import re
from pathlib import Path

import pytest

from pipeline.spec.tuning import Asha
from reports.analysis.tuning import analyse_tuning
from reports.formats.tuning import selection_lines, to_markdown
from reports.page.figures.parallel import draw_parallel
from reports.page.tuning import render_tuning
from reports.records.load import StudyData
from reports.scale import scale_of, scale_of_metric
from tests.reports.searched import searched

RATES = [0.001 * 1.4**n for n in range(20)]
PARTS = [{"kind": "constant"}, {"kind": "cosine"}]
VALUES = [{"optimizer.lr": rate, "schedule": PARTS[n * 7 % 5 % 2]} for n, rate in enumerate(RATES)]
SCORES: list[float | None] = [0.5 + 0.02 * n for n in range(20)]  # the rate is all that matters
FRESH, BARE = (0.80, 0.82, 0.81), (0.70, 0.73, 0.70)


@pytest.fixture
def whole(tmp_path: Path) -> StudyData:
    return searched(tmp_path, VALUES, SCORES, fresh=FRESH, bare=BARE)


def test_the_winner_has_the_score_that_chose_it_and_the_fresh_one(whole: StudyData) -> None:
    found = analyse_tuning(whole).winner
    assert found is not None and found.trial == 19 and found.selected == pytest.approx(88.0)
    assert found.fresh is not None and found.fresh.mean == pytest.approx(81.0) and found.fresh.n == 3
    assert found.bare is not None and found.bare.mean == pytest.approx(71.0)
    assert found.effect is not None and found.effect.estimate == pytest.approx(10.0), "fresh seeds only"
    assert found.effect.n == 3 and set(found.effect.differences) == {0, 1, 2}


def test_the_words_say_which_score_is_too_high_and_that_the_base_was_not_tuned(whole: StudyData) -> None:
    lines = " ".join(selection_lines(analyse_tuning(whole), scale_of("top1")))
    assert "Trial 19 was chosen" in lines and "that chose it is 88.00: the best of 20 runs, so too high" in lines
    assert "With fresh seeds it scores 81.00 on average (n=3, sd 1.00)" in lines
    assert "unequal tuning" in lines and "+10.00 pt" in lines


def test_best_so_far_only_rises_and_in_the_order_of_the_trials(tmp_path: Path) -> None:
    scores: list[float | None] = [0.5, 0.4, None, 0.7, 0.6]
    found = analyse_tuning(searched(tmp_path, VALUES[:5], scores)).best
    assert [(point.trial, point.score) for point in found] == [
        (0, pytest.approx(50)), (1, pytest.approx(50)), (3, pytest.approx(70)), (4, pytest.approx(70)),
    ]  # fmt: skip


def test_where_less_is_better_the_lowest_wins(tmp_path: Path) -> None:
    found = analyse_tuning(searched(tmp_path, VALUES[:4], [0.5, 0.9, 0.2, 0.6], metric="nll"))
    assert found.winner is not None and found.winner.trial == 1, "its loss is 0.1"
    assert [round(point.score, 3) for point in found.best] == [0.5, 0.1, 0.1, 0.1]


def test_the_parameter_that_matters_has_the_larger_share(whole: StudyData) -> None:
    rate, schedule = analyse_tuning(whole).importance
    assert rate.path == "optimizer.lr" and rate.share is not None and rate.low is not None and rate.low > 0.5
    assert schedule.share is not None and schedule.share < 0.2 and schedule.low == 0.0


def test_few_trials_say_nothing_about_importance(tmp_path: Path) -> None:
    study = searched(tmp_path, VALUES[:6], SCORES[:6])
    assert analyse_tuning(study).importance[0].share is None
    assert "<td>optimizer.lr</td><td>— (too few trials)</td>" in render_tuning(study)
    one = searched(tmp_path, VALUES[:1], SCORES[:1])
    assert "optimizer.lr — (too few trials); schedule — (too few trials)" in render_tuning(one)


def test_under_a_scheduler_runs_of_equal_length_are_compared_and_short_ones_cannot_win(tmp_path: Path) -> None:
    runs: list[tuple[int, ...]] = [(1, 9) if n in (3, 5) else (1,) for n in range(8)]
    study = searched(tmp_path, VALUES[:8], SCORES[:8], scheduler=Asha(), runs=runs)
    found = analyse_tuning(study)
    assert found.winner is not None and found.winner.trial == 5, "trial 7 scored more, in one epoch"
    assert found.compared_epochs == 1 and all(len(one.scores) == 8 for one in found.slices)
    assert [trial.state for trial in found.trials].count("short") == 6
    assert "given no run in full" in render_tuning(study)


def test_the_pareto_set_is_what_no_other_beats_in_both(tmp_path: Path) -> None:
    scores: list[float | None] = [0.5, 0.7, 0.6, 0.7, 0.9]
    study = searched(tmp_path, VALUES[:5], scores, seconds=[1, 2, 3, 4, 9], two_objectives=True)
    assert [trial.number for trial in analyse_tuning(study).trials if trial.on_front] == [0, 1, 4]
    page = render_tuning(study)
    assert "not beaten in both: trial 0, 50.00, 1.0 s; trial 1, 70.00, 2.0 s; trial 4, 90.00, 9.0 s" in page
    assert 'id="time"' not in render_tuning(searched(tmp_path, VALUES[:5], scores)), "nobody asked"


def test_the_page_is_offline_and_every_drawing_is_told_in_words(whole: StudyData) -> None:
    page = render_tuning(whole)
    assert "default-src 'none'" in page and not re.search(r'(src|href)="https?:', page)
    for part in ("chosen", "best", "importance", "slices", "parallel", "trials"):
        assert f'id="{part}"' in page
    drawings = re.findall(r"<svg [^>]*>", page)
    assert len(drawings) == 5 and all('role="img"' in one and "aria-label=" in one for one in drawings)
    assert page.count("trial 7: 64.00") >= 2, "a dot in each slice"
    rows = re.findall(r"<tr><td>(\d+)</td>", page[page.index('id="trials"') :])
    assert rows == [str(number) for number in reversed(range(20))], "best first"


def test_a_line_joins_a_trials_values_from_axis_to_axis_and_the_best_are_bold(whole: StudyData, tmp_path: Path) -> None:
    analysis = analyse_tuning(whole)
    figure = draw_parallel(analysis, scale_of_metric(whole.plan.metric))
    assert figure is not None
    lines = re.findall(r'<g class="trial-line( best)?"><title>trial (\d+):.*?</title>(.*?)</g>', str(figure.svg))
    assert len(lines) == 20
    by_score = sorted(analysis.trials, key=lambda trial: -(trial.score or 0))
    assert {int(number) for best, number, _ in lines if best} == {trial.number for trial in by_score[:2]}
    assert [row[0] for row in figure.twin.rows] == [str(trial.number) for trial in by_score[:2]]
    first: dict[int, float] = {}
    for _, number, parts in lines:
        ends = re.findall(r'x1="([\d.]+)%" y1="(\d+)" x2="([\d.]+)%" y2="(\d+)"', parts)
        assert len(ends) == 2, "from rate to schedule, and from there to the score"
        assert ends[0][2:] == ends[1][:2], "one line, not two"
        first[int(number)] = float(ends[0][0])
    steps = [first[n + 1] - first[n] for n in range(19)]
    assert min(steps) > 2 and max(steps) - min(steps) < 0.03, "rates of one ratio stand evenly on a log axis"
    assert draw_parallel(analyse_tuning(searched(tmp_path, VALUES[:1], [0.5])), scale_of("top1")) is None


def test_an_unfinished_search_has_a_page_too(tmp_path: Path) -> None:
    study = searched(tmp_path, VALUES[:3], [None, None, None])
    assert "nothing is chosen" in render_tuning(study) and "Diverged: loss is nan" in render_tuning(study)
    half = searched(tmp_path, VALUES[:3], [0.4, None, 0.5])
    assert "has not been run with fresh seeds yet" in render_tuning(half)
    assert "nothing is chosen" in render_tuning(searched(tmp_path, [], []))


def test_text_from_values_cannot_break_the_page_or_a_table(tmp_path: Path) -> None:
    values = [
        {"optimizer.lr": 0.1, "schedule": {"kind": "<b>|x"}},
        {"optimizer.lr": 0.2, "schedule": {"kind": "cosine"}},
    ]
    study = searched(tmp_path, values, [0.4, 0.5])
    study.plan.tuning.space["schedule"].__dict__["values"] = ({"kind": "<b>|x"}, {"kind": "cosine"})  # type: ignore[union-attr]
    assert "<b>" not in render_tuning(study)
    text = to_markdown(analyse_tuning(study), scale_of_metric(study.plan.metric))
    assert "&lt;b>\\|x" in text
