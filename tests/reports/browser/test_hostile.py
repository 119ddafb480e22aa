"""A report whose every text from data, grids and errors is a piece of HTML or JavaScript: all of it stays text."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.spec.records import RunRecord
from pipeline.spec.study import StudyPlan
from reports.page.html import write_report
from reports.records.load import load_study
from tests.reports.browser.chromium import Chromium, find_chromium
from tests.reports.fixtures import Options, write_home

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found: apt-get install chromium")

# Each sets a mark in the page if the browser takes it for more than text, in the place that it is made for.
HOSTILE = (
    "<script>window.ran = 1</script>",
    "</script><script>window.ran = 2</script>",
    "<img src=x onerror='window.ran = 3'>",
    '" onmouseover="window.ran = 4" x="',
    "' autofocus onfocus='window.ran = 5' x='",
    "</title><svg onload='window.ran = 6'>",
    "</style><script>window.ran = 7</script>",
    "javascript:window.ran = 8",
    "--><script>window.ran = 9</script><!--",
    "{{ 7 * 7 }}{% for x in y %}",
    "</textarea></pre><iframe srcdoc='<script>parent.ran = 10</script>'></iframe>",
    "&lt;script&gt;window.ran = 11&lt;/script&gt;",
    "<base href='http://elsewhere.invalid/'>",
    "<meta http-equiv=refresh content='60;url=http://elsewhere.invalid/'>",
    "`${window.ran = 12}`",
    "<a href='data:text/html,x' id=main>x</a><form action=//elsewhere.invalid><input name=attributes>",
)
ALL = " ".join(HOSTILE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    path = find_chromium()
    assert path is not None
    with Chromium(path) as running:
        yield running


def hostile(value: Any) -> Any:
    """The same with every text made hostile; keys, numbers and shapes stay."""
    if isinstance(value, dict):
        return {key: hostile(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner) for inner in value]
    return f"{value} {ALL}" if isinstance(value, str) else value


def hostile_plan(plan: StudyPlan) -> StudyPlan:
    """Whatever a person, the data or a trick of one's own can write; names of arms and factors only in part."""
    raw = plan.model_dump(mode="json")
    raw["question"], raw["notes"] = ALL, ALL
    raw["design_notes"] = list(HOSTILE)
    raw["data"]["class_names"] = [*HOSTILE, ALL]
    raw["data"]["notes"] = list(HOSTILE)
    raw["grid"] = {"base": hostile({"data": {"path": "p"}}), ALL: {ALL: [ALL]}}
    raw["skipped"] = [{"name": f"skipped {text}", "factors": ["mixup"], "reason": text} for text in HOSTILE]
    for comparison in raw["comparisons"]:
        comparison["note"] = ALL
        comparison["confounded"] = [ALL]
    for arm in raw["arms"]:
        arm["recipe"]["data"]["path"] = ALL
        arm["recipe"][ALL] = {ALL: ALL}
        for stage in arm["stages"]:
            stage["spec"]["data"]["path"] = ALL
        arm["undeclared"] = [{"path": ALL, "bare": ALL, "arm": [ALL], "factors": [ALL]}]
    for card in raw["cards"].values():
        for field in ("title", "idea", "formula", "helps_when", "defaults_from"):
            if card.get(field) is not None:
                card[field] = ALL
        card["pitfalls"] = list(HOSTILE)
        if card.get("paper"):
            card["paper"]["title"] = ALL
    return StudyPlan.model_validate(raw)


def hostile_record(record: RunRecord) -> RunRecord:
    raw = record.model_dump(mode="json")
    raw["environment"] = hostile(raw["environment"])
    raw["finished_at"] = ALL
    if raw["failure"]:
        raw["failure"] |= {"type": ALL, "message": "\n".join(HOSTILE), "log_tail": "\n".join(HOSTILE)}
    return RunRecord.model_validate(raw)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    plan = write_home(home, Options(fail=(("-smoothing", 2), ("+mixup", 0), ("+mixup", 1))))
    (home / "studies" / plan.study / "plan.json").write_text(hostile_plan(plan).model_dump_json())
    records = home / "records.jsonl"
    lines = [RunRecord.model_validate_json(line) for line in records.read_text().splitlines()]
    records.write_text("".join(hostile_record(line).model_dump_json() + "\n" for line in lines))
    for path in home.glob("runs/*/log.txt"):
        path.write_text("\n".join(HOSTILE))
    for path in home.glob("runs/*/spec.json"):
        path.write_text(json.dumps(hostile(json.loads(path.read_text()))))
    return write_report(load_study(home, plan.study), home / "report.html")


# What only markup of ours, or none at all, may have in the page.
INJECTED = """
[...document.querySelectorAll("*")].filter((part) =>
  part.matches("iframe, object, embed, base, form, input, textarea, frame, link[rel=import], meta[http-equiv=refresh]")
  || [...part.attributes].some((a) => a.name.startsWith("on") || /^\\s*(javascript|data:text)/i.test(a.value))
).map((part) => part.outerHTML.slice(0, 200))
"""
TOUCH_ALL = """
for (const part of document.querySelectorAll("details")) part.open = true;
for (const part of document.querySelectorAll("*"))
  for (const kind of ["mouseover", "focus", "load", "error"]) part.dispatchEvent(new Event(kind));
new Promise((done) => setTimeout(done, 300))
"""


def test_nothing_runs_and_nothing_is_fetched(browser: Chromium, report: Path) -> None:
    with browser.page(report, 1280, 900) as page:
        page.run(TOUCH_ALL)
        assert page.run("window.ran ?? null") is None
        assert page.run(INJECTED) == []
        assert page.run("document.scripts.length") == 1, "ours"
        assert page.events.errors == []
        others = [url for url in page.events.requests if not url.startswith("data:")]
        assert others == [report.resolve().as_uri()]


def test_the_texts_are_there_as_they_were_written(browser: Chromium, report: Path) -> None:
    """The test above could not fail if the page left them out."""
    with browser.page(report, 1280, 900) as page:
        text = page.run("document.body.textContent")
    missing = [each for each in HOSTILE if each not in text]
    assert missing == []
    assert text.count("window.ran = 3") > 20


@pytest.mark.parametrize("text", [HOSTILE[2], "<b onmouseover='window.ran = 4'>x</b>", *HOSTILE[12:14]])
def test_one_of_them_as_html_would_be_found(browser: Chromium, report: Path, tmp_path: Path, text: str) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(report.read_text().replace("<footer>", f"{text}<footer>"))
    with browser.page(broken, 1280, 900) as page:
        page.run(TOUCH_ALL)
        assert page.run("window.ran ?? null") is not None or page.run(INJECTED) != []
