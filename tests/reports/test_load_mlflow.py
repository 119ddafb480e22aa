from pathlib import Path

import pytest

from pipeline.spec.errors import RecordError
from pipeline.spec.records import TAG_HASH, TAG_KIND, TAG_SEED, run_key
from reports.analysis.study import analyse
from reports.records.load import load_study
from reports.records.load_mlflow import load_study_from_mlflow
from reports.records.pictures import read_batches
from tests.reports.fixtures import Options, write_home


def test_a_database_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"there is no file .*nowhere\.db"):
        load_study_from_mlflow(f"sqlite:///{tmp_path / 'nowhere.db'}", "tricks")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_projection_alone_gives_the_same_analysis(tmp_path: Path) -> None:
    from mlflow import MlflowClient

    home = tmp_path / "home"
    home.mkdir()
    write_home(home, Options(seeds=(0, 1), fail=(("+mixup", 1),)))
    study = load_study(home, "clothing-tricks")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("clothing-tricks", artifact_location=(tmp_path / "artifacts").as_uri())
    for (stage_hash, seed), record in study.records.items():
        tags = {TAG_KIND: "run", TAG_HASH: stage_hash, TAG_SEED: str(seed)}
        run_id = client.create_run(experiment, tags=tags).info.run_id
        client.log_text(run_id, record.model_dump_json(), "record.json")
        for path in (home / "runs" / run_key(stage_hash, seed)).glob("*"):
            client.log_artifact(run_id, str(path))
    summary = client.create_run(experiment, tags={TAG_KIND: "study"}).info.run_id
    client.log_artifact(summary, str(home / "studies" / "clothing-tricks" / "plan.json"))
    client.log_artifact(summary, str(home / "timings.jsonl"))
    thumbnails = home / "thumbnails" / f"{study.plan.data.fingerprint}.npz"
    client.log_artifact(summary, str(thumbnails), "thumbnails")

    found = load_study_from_mlflow(uri, "clothing-tricks")
    run = (study.plan.arm("bare").final.stage_hash, 1)
    failed = (study.plan.arm("+mixup").final.stage_hash, 1)
    assert found.records == study.records
    assert found.curves(run) == study.curves(run)
    assert found.log(run) == "epoch 12 done\n"
    assert found.curves(failed) is None
    assert found.read_thumbnails() == study.read_thumbnails() == thumbnails.read_bytes()
    assert read_batches(found, run) == read_batches(study, run) is not None
    assert analyse(found) == analyse(study)
    with pytest.raises(RecordError, match=r"no experiment 'other'; .*clothing-tricks.*ablate sync"):
        load_study_from_mlflow(uri, "other")
