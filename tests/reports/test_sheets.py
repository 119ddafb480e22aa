import base64
from pathlib import Path

from reports.page.sheets import batch_sheets
from reports.records.load import load_study
from tests.reports.fixtures import write_home


def test_arms_that_saw_the_same_pixels_share_a_picture(tmp_path: Path) -> None:
    write_home(tmp_path)
    study = load_study(tmp_path, "clothing-tricks")
    plain, blended = batch_sheets(study)
    assert plain.arms[0] == "bare"
    assert set(blended.arms) == {arm.name for arm in study.plan.arms if "mixup" in arm.factors}
    header, content = plain.data_uri.split(",")
    assert header == "data:image/png;base64"
    assert base64.b64decode(content) == study.batches_png((study.plan.arm("bare").final.stage_hash, 0))
