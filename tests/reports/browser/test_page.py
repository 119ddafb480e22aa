"""The report as a person meets it: opened from disk in a browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reports.page.html import write_report
from reports.records.load import load_study
from tests.reports.browser.chromium import Chromium, find_chromium
from tests.reports.fixtures import Options, write_home

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium found: apt-get install chromium")

PROBE = (Path(__file__).parent / "probe.js").read_text(encoding="utf-8")
DESKTOP = (1280, 900)
PHONE = (390, 844)
TABS = (
    '<div data-tabs><section data-tab="By epoch">one</section><section data-tab="By time">two</section></div><footer>'
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    path = find_chromium()
    assert path is not None
    with Chromium(path) as running:
        yield running


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a failed run, pictures, and a class that is named like a script."""
    home = tmp_path_factory.mktemp("home")
    plan = write_home(home, Options())
    return write_report(load_study(home, plan.study), home / "report.html")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_loads_from_disk_without_an_error_and_asks_no_host(
    browser: Chromium, report: Path, size: tuple[int, int]
) -> None:
    with browser.page(report, *size) as page:
        page.run(f"{PROBE}; probe.openAll(); probe.undrawn()")
        assert page.events.errors == []
        others = [url for url in page.events.requests if not url.startswith("data:")]
        assert others == [report.resolve().as_uri()]
        assert page.run("document.scripts.length") == 1, "a class named <script> is text"


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_every_figure_is_drawn_and_nothing_is_wider_than_the_screen(
    browser: Chromium, report: Path, size: tuple[int, int]
) -> None:
    with browser.page(report, *size) as page:
        page.run(f"{PROBE}; probe.openAll()")
        assert page.run("document.querySelectorAll('svg').length") > 20
        assert page.run("probe.undrawn()") == []
        assert page.run("document.documentElement.scrollWidth") <= size[0]
        assert page.run("probe.smallText(8)") == []


@pytest.mark.parametrize("dark", [False, True])
def test_all_text_stands_out_from_its_ground(browser: Chromium, report: Path, dark: bool) -> None:
    """By at least 4.5 to 1, as WCAG 2.1 AA asks."""
    with browser.page(report, *DESKTOP, dark=dark) as page:
        page.run(f"{PROBE}; probe.openAll()")
        assert page.run("probe.faintText(4.5)") == []


def test_the_first_screen_has_the_answer_the_recipe_and_how_much_was_run(browser: Chromium, report: Path) -> None:
    with browser.page(report, *DESKTOP) as page:
        for selector in ("h1", ".keep", ".state", ".answer .mark", ".standing", ".price", "button[data-copy]"):
            box = page.run(
                f"(() => {{ const b = document.querySelector('{selector}').getBoundingClientRect(); "
                "return {top: b.top, bottom: b.bottom, width: b.width} })()"
            )
            assert box["top"] >= 0 and box["bottom"] <= DESKTOP[1] and box["width"] > 0, selector


def test_a_screen_reader_finds_a_name_for_every_figure_and_no_gap_in_the_headings(
    browser: Chromium, report: Path
) -> None:
    with browser.page(report, *DESKTOP) as page:
        page.run(f"{PROBE}; probe.openAll()")
        assert page.run("probe.skippedHeadings()") == []
        nodes = page.call("Accessibility.getFullAXTree")["nodes"]
        figures = [node for node in nodes if node.get("role", {}).get("value") in ("image", "img", "graphics-document")]
        assert len(figures) > 20
        nameless = [node for node in figures if not node.get("name", {}).get("value")]
        assert nameless == []


def test_a_click_on_a_heading_sorts_numbers_as_numbers(browser: Chromium, report: Path) -> None:
    with browser.page(report, *DESKTOP) as page:
        page.run("document.querySelector('#effects details').open = true")
        table = "document.querySelector('#effects table.data')"
        head = f"[...{table}.tHead.rows[0].cells].find((cell) => cell.textContent.startsWith('difference'))"
        column = f"[...{table}.tBodies[0].rows].map((row) => row.cells[{head}.cellIndex].textContent)"
        before = page.run(column)
        values = sorted((float(text.removesuffix(" pt")) for text in before), reverse=True)
        assert len(set(values)) > 5
        page.run(f"{head}.querySelector('button').click()")
        assert [float(text.removesuffix(" pt")) for text in page.run(column)] == values
        assert page.run(f"{head}.getAttribute('aria-sort')") == "descending"
        page.run(f"{head}.querySelector('button').click()")
        assert [float(text.removesuffix(" pt")) for text in page.run(column)] == values[::-1]
        assert page.run(f"{head}.getAttribute('aria-sort')") == "ascending"


@pytest.mark.parametrize(
    ("cell", "number"),
    [("+3.36 pt", 3.36), ("-2.47 pt [-2.83, -2.11]", -2.47), (".009", 0.009), ("2 h 05 min", 7500), ("3.4 min", 204),
     ("12 s", 12), ("1,359", 1359), ("1.45x [1.44, 1.47]", 1.45), ("—", None), ("bare", None), ("", None)],
)  # fmt: skip
def test_what_a_cell_is_sorted_by(browser: Chromium, report: Path, cell: str, number: float | None) -> None:
    with browser.page(report, *DESKTOP) as page:
        found = page.run(f"numberIn({cell!r})")
        assert found == (None if number is None else pytest.approx(number))


def test_tabs_show_one_panel_and_answer_to_the_arrow_keys(browser: Chromium, report: Path, tmp_path: Path) -> None:
    copy = tmp_path / "tabs.html"
    copy.write_text(report.read_text().replace("<footer>", TABS))
    with browser.page(copy, *DESKTOP) as page:
        group = "[...document.querySelectorAll('[data-tabs]')].at(-1)"
        shown = f"[...{group}.querySelectorAll('[data-tab]:not([hidden])')].map((panel) => panel.textContent)"
        assert page.run(shown) == ["one"]
        page.run(f"{group}.querySelectorAll('[role=tab]')[1].click()")
        assert page.run(shown) == ["two"]
        page.run(f"{group}.querySelectorAll('[role=tab]')[1].focus()")
        page.call("Input.dispatchKeyEvent", type="keyDown", key="ArrowLeft", code="ArrowLeft", windowsVirtualKeyCode=37)
        assert page.run(shown) == ["one"]
        assert page.run("document.activeElement.textContent") == "By epoch"
        assert page.run(f"[...{group}.querySelectorAll('[role=tab]')].map((tab) => tab.ariaSelected)") == [
            "true",
            "false",
        ]


@pytest.mark.parametrize("may_write", [True, False])
def test_the_recipe_can_be_taken_along(browser: Chromium, report: Path, may_write: bool) -> None:
    """By the clipboard, or selected where a page from disk may not write to it."""
    write = "window.taken = text" if may_write else "throw Error('denied')"
    with browser.page(report, *DESKTOP) as page:
        page.run(f"navigator.clipboard.writeText = async (text) => {{ {write} }}")
        page.run("document.querySelector('button[data-copy]').click(), new Promise((done) => setTimeout(done, 100))")
        assert page.run("document.querySelector('button[data-copy]').textContent") != "Copy"
        taken = page.run("window.taken" if may_write else "getSelection().toString()")
        assert yaml.safe_load(taken)["schedule"]["kind"] == "cosine"


def test_paper_gets_everything_but_the_buttons(browser: Chromium, report: Path) -> None:
    with browser.page(report, *DESKTOP) as page:
        page.call("Emulation.setEmulatedMedia", media="print")
        assert page.run("document.querySelector('[data-copy]').getClientRects().length") == 0
        page.run("document.querySelector('#effects details').open = true")
        assert page.run("document.querySelector('#effects th button').getClientRects().length") == 1, "a heading"
        paper = page.pdf()
        assert page.run("[...document.querySelectorAll('details')].every((part) => part.open)")
    assert len(re.findall(rb"/Type\s*/Page\b", paper)) > 3
