"""The map of classes: what survives is coloured, what does not is grey, and the table says the same."""

import pytest

from reports.page.figures.class_map import MAX_CLASSES, class_grid, draw_class_map
from reports.results.in_depth import ClassDifference, ExampleAnalysis, ExampleEffect


def analysis(num_classes: int, surviving: dict[str, float]) -> ExampleAnalysis:
    """Two factors; differences that survive by class, on the first of them."""
    effects = tuple(
        ExampleEffect(factor=f, context="added to bare", treatment=f"+{f}", reference="bare", control=False)
        for f in ("one", "two")
    )
    rows = [
        ClassDifference(
            factor=effect.factor, context="added to bare", class_name=name, num_images=50 + index, ci95=None,
            difference=surviving.get(name, 0.4) if effect.factor == "one" else -0.3, phi=1.0,
            p=0.001 if (alive := effect.factor == "one" and name in surviving) else 0.5 + index / 1000,
            q=0.02 if alive else 0.9,
        )
        for effect in effects
        for index, name in enumerate(f"c{i:03d}" for i in range(num_classes))
    ]  # fmt: skip
    return ExampleAnalysis(
        phi=1.0, phi_limit=2.0, phi_df=4, checkpoints_only=False, sentence="", effects=effects,
        classes=tuple(sorted(rows, key=lambda row: row.p)),
    )  # fmt: skip


def test_colour_is_for_what_survives() -> None:
    grid = class_grid(analysis(5, {"c001": 6.0, "c003": -4.0}))
    assert grid is not None and grid.num_left_out == 0
    figure = draw_class_map(grid)
    assert figure.svg.count('class="pair good"') == 1 and figure.svg.count('class="pair bad"') == 1
    assert figure.svg.count('class="pair grey"') == 8
    assert "surviving the false discovery rate: c001: one, added to bare +6.0 pt; c003" in figure.svg
    assert figure.twin.columns[2:4] == ("c000 (n = 50)", "c001 (n = 51)")
    assert figure.twin.rows[0] == ("one", "added to bare", "+0.4", "+6.0 *", "+0.4", "-4.0 *", "+0.4")
    assert "n = 51</text>" in figure.svg


def test_many_classes_are_cut_to_those_with_the_smallest_p() -> None:
    grid = class_grid(analysis(100, {"c099": 6.0}))
    assert grid is not None and len(grid.classes) == MAX_CLASSES and grid.num_left_out == 100 - MAX_CLASSES
    assert "c099" in grid.classes and list(grid.classes) == sorted(grid.classes)


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a very long name of a class"])
def test_names_are_cut_and_escaped_and_whole_in_the_tooltip(name: str) -> None:
    found = analysis(2, {})
    renamed = tuple(r.model_copy(update={"class_name": name}) if r.class_name == "c000" else r for r in found.classes)
    grid = class_grid(found.model_copy(update={"classes": renamed}))
    assert grid is not None
    figure = draw_class_map(grid)
    assert "<script>" not in figure.svg and "…</text>" in figure.svg
    assert name in figure.twin.columns[2]


def test_without_classes_there_is_no_map() -> None:
    assert class_grid(analysis(3, {}).model_copy(update={"classes": ()})) is None
