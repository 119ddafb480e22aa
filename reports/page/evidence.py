"""Right and wrong examples of two arms with the evidence for their answers laid over the image."""

from dataclasses import dataclass

from markupsafe import Markup

from reports.page.heat import heat_png
from reports.page.pictures import Part, PictureBook, data_uri
from reports.records.load import StudyData
from reports.records.pictures import Heat, Thumbnail, read_heat
from reports.results.seen import Answer, ExplainedAnalysis, ExplainedImage


@dataclass(frozen=True, slots=True)
class Opinion:
    """One arm's answer with its picture; without one, where the image has no small picture."""

    arm: str
    svg: Markup | None
    text: str
    right: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One image as two arms see it."""

    svg: Markup | None
    true_class: str
    opinions: tuple[Opinion, ...]


@dataclass(frozen=True, slots=True)
class ExampleGroup:
    """Images on which the arms fared alike."""

    title: str
    num_images: int
    examples: tuple[Example, ...]


def draw_evidence(
    study: StudyData, found: ExplainedAnalysis, thumbnails: dict[str, Thumbnail], book: PictureBook
) -> tuple[ExampleGroup, ...]:
    """Each group with its pictures."""
    names = (found.arms.reference, found.arms.other)
    heats = [read_heat(study, (study.plan.arm(name).final.stage_hash, found.seed)) for name in names]

    def opinion(image: ExplainedImage, arm: str, answer: Answer, heat: Heat | None) -> Opinion:
        text = f"{answer.predicted_class} ({answer.confidence:.0%})"
        right = answer.predicted_class == image.true_class
        svg = None
        if heat is not None and image.id in thumbnails:
            label = f"Evidence of {arm} for {text} on an image of {image.true_class}"
            svg = _overlaid(thumbnails[image.id], heat, heat.ids.index(image.id), label, book)
        return Opinion(arm, svg, text, right)

    def example(image: ExplainedImage) -> Example:
        svg = None
        if image.id in thumbnails:
            svg = whole_picture(thumbnails[image.id], f"A validation image of {image.true_class}", book)
        answers = zip(names, (image.reference, image.other), heats, strict=True)
        return Example(svg, image.true_class, tuple(opinion(image, *each) for each in answers))

    return tuple(
        ExampleGroup(group.title, group.num_images, tuple(example(image) for image in group.images))
        for group in found.groups
    )


def whole_picture(thumbnail: Thumbnail, label: str, book: PictureBook) -> Markup:
    """A validation image's central square."""
    side = thumbnail.side_px
    return book.show(thumbnail.content, (side, side), Part(0, 0, side, side), label)


def _overlaid(thumbnail: Thumbnail, heat: Heat, i: int, label: str, book: PictureBook) -> Markup:
    """The part of the image that the network saw, with its heat map stretched over it."""
    side = thumbnail.side_px
    seen = heat.crop_frac * side
    start = (side - seen) / 2
    over = Markup('<image x="{:g}" y="{:g}" width="{:g}" height="{:g}" preserveAspectRatio="none" href="{}"/>').format(
        start, start, seen, seen, data_uri(heat_png(heat.maps[i]))
    )
    return book.show(thumbnail.content, (side, side), Part(start, start, seen, seen), label, over)
