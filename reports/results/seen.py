"""What stored predictions and heat maps say about single images and classes."""

from pydantic import Field

from pipeline.spec.base import Frozen
from pipeline.spec.study import Context


class ComparedArms(Frozen):
    """Bare, and the arm to look at beside it."""

    reference: str
    other: str
    why: str = Field(description="how the other one was chosen")


class CountSpread(Frozen):
    """A count over the seeds of one arm."""

    mean: float
    sd: float | None = Field(description="None at one seed")
    n: int


class ConfusedPair(Frozen):
    """How often images of one class are taken for another."""

    true_class: str
    predicted_class: str
    num_images: int = Field(description="of the true class")
    reference: CountSpread
    other: CountSpread


class ConfusionAnalysis(Frozen):
    """What the two arms take for what."""

    arms: ComparedArms
    class_names: tuple[str, ...]
    pairs: tuple[ConfusedPair, ...] = Field(description="the larger of both means first")
    reference_counts: tuple[tuple[float, ...], ...] = Field(description="[true, predicted], mean over seeds")
    other_counts: tuple[tuple[float, ...], ...]


class ChangedImage(Frozen):
    """An image whose answer a factor changed."""

    id: str
    true_class: str
    wrong_class: str = Field(description="the most frequent wrong answer, before it was fixed or after it broke")
    num_seeds: int = Field(description="in which it changed")


class ChangedImages(Frozen):
    """What one comparison changed in most seeds."""

    factor: str
    context: Context
    treatment: str
    reference: str
    num_seeds: int
    num_images: int = Field(description="that were looked at: those with a small picture")
    num_fixed: int = Field(description="in most seeds")
    num_broken: int
    fixed: tuple[ChangedImage, ...] = Field(description="those that changed in most seeds first")
    broken: tuple[ChangedImage, ...]


class Answer(Frozen):
    """What one run said about an image."""

    predicted_class: str
    confidence: float


class ExplainedImage(Frozen):
    """An image that both arms have a heat map of."""

    id: str
    true_class: str
    reference: Answer
    other: Answer


class ExplainedGroup(Frozen):
    """Images on which the two arms fared alike."""

    title: str
    num_images: int = Field(description="in the sample")
    images: tuple[ExplainedImage, ...]


class ExplainedAnalysis(Frozen):
    """Where the evidence lies: right and wrong examples of the two arms' runs with one seed."""

    arms: ComparedArms
    seed: int
    num_images: int = Field(description="of the sample, the same for every run")
    groups: tuple[ExplainedGroup, ...]


class SeenAnalysis(Frozen):
    """Single images and classes."""

    confusion: ConfusionAnalysis | None
    changed: tuple[ChangedImages, ...]
    explained: ExplainedAnalysis | None
