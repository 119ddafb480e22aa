"""A study as text in one of the formats of `ablate report`: a grid's study by factor, a search by trial."""

from reports.analysis.in_depth import analyse_in_depth
from reports.analysis.stages import analyse_stages
from reports.analysis.study import analyse
from reports.analysis.tuning import analyse_tuning
from reports.formats import tuning
from reports.formats.csv_text import to_csv
from reports.formats.features import feature_lines
from reports.formats.latex import to_latex
from reports.formats.text import to_json, to_markdown
from reports.records.load import StudyData
from reports.scale import scale_of_metric


def study_text(study: StudyData, fmt: str) -> str:
    """The study as md, latex, csv or json. Of a search, LaTeX and CSV hold how its winner was judged."""
    if study.plan.tuning is not None and fmt == "md":
        return tuning.to_markdown(analyse_tuning(study), scale_of_metric(study.plan.metric))
    if study.plan.tuning is not None and fmt == "json":
        return tuning.to_json(analyse_tuning(study))
    if fmt == "json":
        return to_json(analyse_in_depth(study))
    if fmt == "md":
        return to_markdown(analyse(study), feature_lines(analyse_stages(study)))
    return {"latex": to_latex, "csv": to_csv}[fmt](analyse(study))
