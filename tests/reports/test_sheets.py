import base64
import re
from pathlib import Path

import pytest

from pipeline.spec.pictures import SheetTile, TargetShare
from pipeline.spec.records import run_key
from reports.page.pictures import Part, PictureBook
from reports.page.sheets import batch_sheets, target_text
from reports.records.load import StudyData, load_study
from tests.reports.fixtures import write_home
from tests.reports.seen_files import tile, webp


@pytest.fixture
def study(tmp_path: Path) -> StudyData:
    write_home(tmp_path)
    return load_study(tmp_path, "clothing-tricks")


def test_arms_that_saw_the_same_pixels_share_a_picture(study: StudyData) -> None:
    book = PictureBook("p")
    plain, blended = batch_sheets(study, book)
    assert plain.arms[0] == "bare"
    assert set(blended.arms) == {arm.name for arm in study.plan.arms if "mixup" in arm.factors}
    files = [base64.b64decode(code) for code in re.findall(r"data:image/webp;base64,([^\"]+)", str(book.pages()))]
    runs = [(study.plan.arm(name).final.stage_hash, 0) for name in ("bare", "+mixup")]
    assert files == [study.files.read(run, "batches.webp") for run in runs]


def test_each_size_is_a_row_and_each_tile_its_part_of_the_picture(study: StudyData) -> None:
    plain, blended = batch_sheets(study, PictureBook("p"))
    assert [row.heading for row in plain.rows] == ["48 px, from epoch 1", "96 px, from epoch 7"]
    boxes = [[re.findall(r'viewBox="([^"]+)"', str(tile.svg))[0] for tile in row.tiles] for row in plain.rows]
    assert boxes == [[f"{24 * i} 0 24 24" for i in range(8)], [f"{48 * i} 24 48 48" for i in range(8)]]
    assert [tile.target for tile in plain.rows[0].tiles][:3] == ["dress", "hat", "shoes"]
    assert [tile.target for tile in blended.rows[1].tiles][:2] == ["0.7 dress + 0.3 hat", "0.7 hat + 0.3 shoes"]
    assert "target: 0.7 dress + 0.3 hat" in str(blended.rows[1].tiles[0].svg)
    assert "&lt;script&gt;" in str(plain.rows[0].tiles[3].svg)


def test_the_picture_of_an_older_version_is_shown_whole(study: StudyData, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / run_key(study.plan.arm("bare").final.stage_hash, 0)
    (folder / "batches.webp").unlink()
    (folder / "batches.png").write_bytes(b"\x89PNG of old")
    sheets = batch_sheets(study, PictureBook("p"))
    assert sheets[0].arms == ("bare",) and sheets[0].rows == ()
    assert sheets[0].whole == "data:image/png;base64," + base64.b64encode(b"\x89PNG of old").decode()


@pytest.mark.parametrize(
    ("shares", "each_other", "expected"),
    [
        ([(0, 1.0)], 0.0, "dress"),
        ([(2, 0.925), (1, 0.031), (0, 0.004)], 0.025, "0.93 shoes + 0.03 hat + 0.025 each other class"),
        ([(0, 0.9991), (1, 0.0009)], 0.0, "dress"),
        ([], 0.25, "0.25 every class"),
        ([(9, 0.5)], 0.0, "0.5 class 9"),
        ([], 0.0, "no target"),
    ],
)
def test_targets_in_words(study: StudyData, shares: list[tuple[int, float]], each_other: float, expected: str) -> None:
    targets = tuple(TargetShare(label=label, weight=weight) for label, weight in shares)
    assert target_text(study.plan, SheetTile(targets=targets, each_other=each_other)) == expected


def test_a_picture_is_kept_once_and_only_if_a_browser_knows_it() -> None:
    book = PictureBook("p")
    part = Part(0, 0, 48, 48)
    for number in (1, 2, 1):
        book.show(webp(tile(number)), (48, 48), part, "stripes")
    assert str(book.pages()).count("<image") == 2
    book.show(b"GIF89a", (1, 1), part, "no")
    with pytest.raises(ValueError, match=r"b'GIF89a'; WebP, PNG or JPEG was expected"):
        book.pages()
