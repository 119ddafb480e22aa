"""What finished runs themselves warn of, by stage: a pretraining that collapsed, for instance."""

from reports.analysis.plan_changes import names_text
from reports.records.load import StudyData


def run_warnings(study: StudyData) -> tuple[str, ...]:
    """One sentence for each stage of the plan any of whose runs has a warning, with the words of its first."""
    plan = study.plan
    arms_of: dict[str, list[str]] = {}
    name_of: dict[str, str] = {}
    for arm in plan.arms:
        for stage in arm.stages:
            arms_of.setdefault(stage.stage_hash, []).append(arm.name)
            name_of[stage.stage_hash] = stage.name
    found = []
    for stage_hash, arms in arms_of.items():
        warned = {
            seed: "; ".join(record.warnings)
            for seed in plan.every_seed
            if (record := study.records.get((stage_hash, seed))) is not None and record.warnings
        }
        if warned:
            seeds = f"seed{'s' if len(warned) > 1 else ''} {names_text([str(seed) for seed in warned])}"
            found.append(f"stage {name_of[stage_hash]} of {names_text(arms)}, {seeds}: {next(iter(warned.values()))}")
    return tuple(found)
