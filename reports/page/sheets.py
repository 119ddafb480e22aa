"""What the network saw: the first training batch of each arm, equal pictures shown once."""

import base64
from dataclasses import dataclass

from reports.records.load import StudyData


@dataclass(frozen=True, slots=True)
class Sheet:
    """One picture and the arms that trained on exactly these pixels."""

    arms: tuple[str, ...]
    data_uri: str


def batch_sheets(study: StudyData) -> tuple[Sheet, ...]:
    """The sheets of the first seed, in the order of the plan."""
    arms_of: dict[bytes, list[str]] = {}
    for arm in study.plan.arms:
        picture = study.batches_png((arm.final.stage_hash, study.plan.seeds[0]))
        if picture is not None:
            arms_of.setdefault(picture, []).append(arm.name)
    return tuple(
        Sheet(tuple(arms), "data:image/png;base64," + base64.b64encode(picture).decode())
        for picture, arms in arms_of.items()
    )
