from dataclasses import replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pipeline.contract.lab import Lab
from pipeline.contract.samples import POOL_ROWS, labels_of_pool
from pipeline.data.pseudo_table import PoolLabels
from pipeline.spec.links import StageRef
from pipeline.strategies import pseudo_labels
from pipeline.strategies.base import Rng
from pipeline.strategies.pseudo_labels import (
    MinConfidence,
    PseudoLabels,
    PseudoLabelsConfig,
    TopShare,
    kept,
    with_pseudo_labels,
    with_soft_targets,
)
from tests.pipeline.stages import digits_stage, example
from tests.pipeline.strategies.contract import NUM_CLASSES, context, make_batch, make_index

FOUND = labels_of_pool("teacher", soft=True)


@pytest.mark.parametrize("least", [0.0, 0.5, 0.95, 1.0])
def test_a_threshold_keeps_who_reaches_it(least: float) -> None:
    expected = [bool(confidence >= least) for confidence in FOUND.confidence]
    assert kept(FOUND, MinConfidence(min_confidence=least)).tolist() == expected


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 1.0])
def test_a_share_keeps_the_surest_of_each_class(share: float) -> None:
    keep = kept(FOUND, TopShare(share=share))
    for label in range(NUM_CLASSES):
        ranked = sorted((-c, i) for i, c in enumerate(FOUND.confidence.tolist()) if FOUND.labels[i] == label)
        expected = {i for _, i in ranked[: max(1, round(share * len(ranked)))]}
        assert {i for i in np.flatnonzero(keep).tolist() if FOUND.labels[i] == label} == expected


def test_the_chosen_join_with_their_own_keys_and_the_teachers_label() -> None:
    index, keep = make_index(), kept(FOUND, TopShare(share=0.5))
    joined = with_pseudo_labels(index, FOUND, keep)
    np.testing.assert_array_equal(joined.rows[:400], index.rows)
    np.testing.assert_array_equal(joined.labels[:400], index.labels)
    key = dict(zip(index.pool.rows.tolist(), index.pool.keys.tolist(), strict=True))
    said = dict(zip(FOUND.rows.tolist(), FOUND.labels.tolist(), strict=True))
    assert len(joined.rows) == 400 + keep.sum()
    for row, own, label in zip(joined.rows[400:], joined.keys[400:], joined.labels[400:], strict=True):
        assert (int(own), int(label)) == (key[int(row)], said[int(row)])


def test_nothing_outside_the_pool_can_join() -> None:
    index = make_index()
    strange = replace(FOUND, rows=np.concatenate([FOUND.rows[:-1], [7]]))
    with pytest.raises(AssertionError, match="not in the pool"):
        with_pseudo_labels(index, strange, np.ones(len(POOL_ROWS), dtype=bool))


def test_soft_targets_are_the_teachers_probabilities_where_there_are_any() -> None:
    batch = make_batch(6)
    rows = torch.tensor([3, int(POOL_ROWS[2]), 5, int(POOL_ROWS[0]), int(POOL_ROWS[-1]), 10**6])
    batch = replace(batch, rows=rows)
    assert FOUND.probs is not None
    known = torch.from_numpy(FOUND.rows[:50]), torch.from_numpy(FOUND.probs[:50])  # the last has none
    got = with_soft_targets(batch, *known)
    for i, row in enumerate(rows.tolist()):
        at = np.flatnonzero(FOUND.rows[:50] == row)
        expected = torch.from_numpy(FOUND.probs[at[0]]) if len(at) else batch.targets[i]
        torch.testing.assert_close(got.targets[i], expected)
    assert got.labels is batch.labels


def test_a_wider_head_has_no_probability_for_what_is_no_class() -> None:
    batch = replace(make_batch(1), targets=torch.eye(8)[[2]], rows=torch.tensor([4]))
    probs = torch.full((1, NUM_CLASSES), 1 / NUM_CLASSES)
    got = with_soft_targets(batch, torch.tensor([4]), probs).targets
    torch.testing.assert_close(got, torch.cat([probs, torch.zeros(1, 3)], dim=1))


def test_nothing_chosen_is_the_labelled_set() -> None:
    none = PoolLabels(FOUND.rows, FOUND.labels, np.zeros_like(FOUND.confidence), FOUND.probs)
    config = PseudoLabelsConfig(teacher=StageRef(stage="t"), soft=True)
    strategy = PseudoLabels(config, replace(context(), label_pool=lambda name, soft: none))
    index, batch = make_index(), make_batch()
    np.testing.assert_array_equal(strategy.edit_dataset(index).rows, index.rows)
    assert strategy.edit_batch(batch, Rng.named(0)) is batch
    told = ", ".join(f"class {label} 0" for label in range(NUM_CLASSES))
    assert strategy.remarks() == (f"0 of 60 unlabelled images got a label: {told}",)
    assert strategy.readings() == {"kept": 0.0, "of_fewest": 0.0, "of_most": 0.0}


def test_without_unlabelled_images_there_is_nothing_to_label() -> None:
    with pytest.raises(ValidationError, match=r"there are no unlabelled images; set data\.labeled_frac below 1"):
        digits_stage(example("pseudo_labels"))
    stage = digits_stage(example("pseudo_labels"), data={"kind": "digits", "labeled_frac": 0.1})
    assert stage.needs() == ("teacher",)
    one, other = (stage.identity("f", {"teacher": teacher}) for teacher in "ab")
    assert one != other, "another teacher gives other labels"


def test_how_many_labels_each_class_got_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = PseudoLabels(PseudoLabelsConfig(teacher=StageRef(stage="t"), select=MinConfidence(min_confidence=0.6)),
                            context())  # fmt: skip
    counts = [0] * NUM_CLASSES
    for label, confidence in zip(FOUND.labels.tolist(), FOUND.confidence.tolist(), strict=True):
        counts[label] += confidence >= 0.6
    assert len(set(counts)) > 1
    assert strategy.readings() == {"kept": sum(counts), "of_fewest": min(counts), "of_most": max(counts)}
    (told,) = strategy.remarks()
    parts = told.partition(": ")[2].split(", ")
    assert sorted(parts) == sorted(f"class {label} {count}" for label, count in enumerate(counts))
    monkeypatch.setattr(pseudo_labels, "MAX_CLASSES_TOLD", 4)
    assert strategy.remarks()[0].partition(": ")[2].split(", ") == [*parts[:2], "...", *parts[-2:]]


def test_they_stand_in_the_curves(lab: Lab) -> None:
    stage = digits_stage(example("pseudo_labels"), data={"kind": "digits", "labeled_frac": 0.5})
    result = lab.train(stage)
    kept = result.curves.series["train/pseudo_labels_kept"]
    assert kept == (len(lab.data_of(stage).pool.rows),) * 3, "all of them, in each epoch"
    assert result.record.metrics["train/pseudo_labels_kept"] == kept[-1]
    log = next(line for line in result.log.splitlines() if "unlabelled images got a label" in line)
    assert all(f"{digit} " in log for digit in range(10))
