"""Names of classes by their number."""

from pipeline.spec.study import StudyPlan


def class_name(plan: StudyPlan, label: int) -> str:
    """The class with this number; a head may have more outputs than the data has classes."""
    names = plan.data.class_names
    return names[label] if 0 <= label < len(names) else f"class {label}"
