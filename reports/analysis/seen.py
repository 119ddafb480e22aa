"""Single images and classes: confusions, what changed, and where the evidence lies."""

from reports.analysis.changed_images import analyse_changed
from reports.analysis.compared_arms import compared_arms
from reports.analysis.confusion import analyse_confusion
from reports.analysis.explained import analyse_explained
from reports.records.load import StudyData
from reports.records.pictures import read_thumbnails
from reports.records.predictions import Answers
from reports.results.seen import SeenAnalysis
from reports.results.study import Analysis


def analyse_seen(study: StudyData, answers: Answers, analysis: Analysis) -> SeenAnalysis:
    """Everything that stored predictions and heat maps say about single images."""
    arms = compared_arms(study, analysis)
    return SeenAnalysis(
        confusion=None if arms is None else analyse_confusion(study, answers, arms),
        changed=analyse_changed(study, answers, read_thumbnails(study)),
        explained=None if arms is None else analyse_explained(study, arms),
    )
