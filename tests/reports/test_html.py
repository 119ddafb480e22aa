import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.spec.records import run_key
from reports.page.html import render, write_report
from reports.records.load import load_study
from reports.records.mlflow_places import MlflowPlaces
from tests.reports.fixtures import Options, write_home

VOID = {"meta", "img", "br", "line", "circle", "rect", "polyline", "path"}


class Page(HTMLParser):
    """Collects what a browser would load and what a screen reader would need."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.unlabelled: list[str] = []
        self.num_scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "xlink:href")]
        self.num_scripts += tag == "script"
        if tag == "img" and not found.get("alt"):
            self.unlabelled.append(tag)
        if tag == "svg" and "svg" not in self.open and not (found.get("aria-label") or found.get("aria-hidden")):
            self.unlabelled.append(tag)
        if tag not in VOID or tag in ("circle", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    write_home(home)
    return write_report(load_study(home, "clothing-tricks"), home / "deep" / "report.html").read_text()


def test_sections_come_in_the_promised_order(text: str) -> None:
    assert Page(text).headings == [
        "What to keep",
        "How much, and how sure",
        "Is it one lucky seed?",
        "Learning curves",
        "Learning rates as used",
        "Speed",
        "Cost beside gain",
        "What was trained for what",
        "What is worth its cost",
        "What the model sees",
        "Where the evidence lies",
        "What is taken for what",
        "Images that each factor fixed and broke",
        "Examples: which images change",
        "Who gains, who loses",
        "Calibration: is confidence earned?",
        "What was planned, and what became of it",
        "How large is luck?",
        "Was it big enough?",
        "Controls: does the instrument work?",
        "Failures",
        "Provenance",
        "The factors",
    ]


def test_tags_balance_and_every_figure_has_a_text_alternative(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert page.unlabelled == []


def test_nothing_is_fetched_from_anywhere(text: str) -> None:
    assert all(link.startswith(("data:", "#")) for link in Page(text).links)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in text


def test_every_link_leads_to_a_place_on_the_page(text: str) -> None:
    places = set(re.findall(r'id="([^"]+)"', text))
    links = [link.removeprefix("#") for link in Page(text).links if link.startswith("#")]
    assert len(links) > 6
    assert set(links) <= places


def test_text_from_the_data_is_escaped(text: str) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert(1)" not in text
    assert Page(text).num_scripts == 1


def test_figures_escape_names_too(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(fail=()))
    path = tmp_path / "studies" / plan.study / "plan.json"
    evil = '<img src=x onerror=\\"alert(1)\\">'
    path.write_text(path.read_text().replace('"mixup"', f'"{evil}"').replace('"+mixup"', f'"{evil}"'))
    page = write_report(load_study(tmp_path, plan.study), tmp_path / "r.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=&#34;" in page


def test_the_numbers_of_the_figure_stand_in_the_table(text: str) -> None:
    study_numbers = re.findall(r'<div class="numbers"><span>([+-][\d.]+ pt) (\[[^]]+\])', text)
    assert len(study_numbers) == 12  # ten effects and two controls
    for estimate, interval in study_numbers:
        assert f"<td>{estimate}</td><td>{interval}</td>" in text


def test_failures_show_reason_and_log(text: str) -> None:
    assert "the training loss is nan at step 212" in text
    assert "epoch 6 step 212 loss nan" in text


def test_equal_batches_are_shown_once(text: str) -> None:
    assert text.count('width="384"') == 2  # with mixup and without


def test_the_same_study_gives_the_same_page(tmp_path: Path) -> None:
    write_home(tmp_path)
    pages = [write_report(load_study(tmp_path, "clothing-tricks"), tmp_path / n).read_bytes() for n in ("a", "b")]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    "options",
    [
        Options(seeds=(0,), fail=(), pictures=False),
        Options(metric="nll", delta=0.01, pictures=False),
        Options(fail=(("teacher", 0), ("full", 0), ("full", 1), ("full", 2)), pictures=False),
    ],
)
def test_unusual_studies_still_make_a_page(tmp_path: Path, options: Options) -> None:
    write_home(tmp_path, options)
    page = write_report(load_study(tmp_path, "clothing-tricks"), tmp_path / "r.html").read_text()
    assert Page(page).open == []
    assert not re.search(r"\bnan\b", re.sub(r"loss is nan|loss nan", "", page))


def test_an_empty_study_makes_a_page(tmp_path: Path) -> None:
    write_home(tmp_path, Options(pictures=False))
    for name in ("records.jsonl", "timings.jsonl"):
        (tmp_path / name).unlink()
    for path in sorted(tmp_path.glob("runs/*/*")):
        path.unlink()
    page = write_report(load_study(tmp_path, "clothing-tricks"), tmp_path / "r.html").read_text()
    assert "No comparison has a result in both arms yet." in page
    assert "No run has left its curves yet." in page
    assert "No steps were timed" in page
    assert "No run has left its predictions yet." in page


def test_a_served_run_is_linked_and_a_database_gets_the_command_that_opens_it(tmp_path: Path) -> None:
    plan = write_home(tmp_path, Options(pictures=False))
    study = load_study(tmp_path, plan.study)
    bare = run_key(plan.arm("bare").final.stage_hash, 0)
    places = MlflowPlaces(
        tracking_uri="https://mlflow.example/", experiment_id="7", study_run_id="5e", run_ids={bare: "ab12"}
    )
    page = render(replace(study, mlflow=places))
    assert '<a href="https://mlflow.example/#/experiments/7/runs/ab12" rel="noreferrer">ab12</a>' in page
    assert places.report_url == "https://mlflow.example/#/experiments/7/runs/5e/artifacts/report.html"
    local = places.model_copy(update={"tracking_uri": "sqlite:///home/mlflow.db"})
    page = render(replace(study, mlflow=local))
    assert "<code>mlflow ui --backend-store-uri sqlite:///home/mlflow.db</code>" in page
    assert "ab12" in page
    assert "https://" not in page
    assert "Runs in MLflow" not in render(study)
