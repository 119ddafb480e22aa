"""The first thing on the page: what to do about each factor, the sentences that say so, and what it costs."""

from dataclasses import dataclass
from enum import Enum

from reports.formats.text import effect_text, ratio_text
from reports.page.figures.forest import Tone, tone_of
from reports.results.effect import Effect
from reports.results.study import Analysis
from reports.scale import Scale
from reports.stats.verdict import Verdict
from reports.wording import place


class Standing(Enum):
    """What the verdicts on a factor come to, in the order of the page: what can be acted on first."""

    KEEP = ("✓", "keep", "good")
    LEFT_OUT = ("✓", "helps, left out", "good")
    IN_PART = ("◐", "helps in part", "good")
    DEPENDS = ("±", "depends", "bad")
    HURTS = ("✕", "leave out", "bad")
    EQUAL = ("=", "no matter", "flat")
    UNDECIDED = ("?", "undecided", "open")

    @property
    def mark(self) -> str:
        """A sign that does not need colour."""
        return self.value[0]

    @property
    def label(self) -> str:
        """In words."""
        return self.value[1]

    @property
    def tone(self) -> Tone:
        """Its colour group."""
        return self.value[2]

    @property
    def settled(self) -> bool:
        """Whether there is something to do or to leave."""
        return self not in (Standing.EQUAL, Standing.UNDECIDED)


FEW = 8  # this many answers are read at a glance


@dataclass(frozen=True, slots=True)
class Finding:
    """One context's verdict on a factor. `numbers` is empty where the sentence has them already."""

    place: str
    numbers: str
    sentence: str
    tone: Tone
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found about one factor."""

    factor: str
    standing: Standing
    findings: tuple[Finding, ...]
    step_ratio: str  # of the time of a training step; empty where none were timed
    step_range: str
    images_ratio: str  # trained on in all, earlier stages included; empty where the factor brings no such stage


def answers(analysis: Analysis, scale: Scale) -> tuple[Answer, ...]:
    """One answer per factor: those to act on first, else in the order of the plan."""
    found = [_answer(factor, analysis, scale) for factor in analysis.answers]
    order = list(Standing)
    return tuple(sorted(found, key=lambda answer: order.index(answer.standing)))


@dataclass(frozen=True, slots=True)
class FirstScreen:
    """The answers to read first, and those to unfold."""

    shown: tuple[Answer, ...]
    folded: dict[str, tuple[Answer, ...]]  # label of their standing -> answers

    @property
    def has_stages(self) -> bool:
        """Whether a factor brings stages that train before."""
        every = (*self.shown, *(answer for group in self.folded.values() for answer in group))
        return any(answer.images_ratio for answer in every)


def first_screen(found: tuple[Answer, ...]) -> FirstScreen:
    """Of many answers, those that leave everything as it is are folded, by their standing."""
    if len(found) <= FEW:
        return FirstScreen(found, {})
    folded: dict[str, tuple[Answer, ...]] = {}
    for answer in found:
        if not answer.standing.settled:
            folded[answer.standing.label] = (*folded.get(answer.standing.label, ()), answer)
    return FirstScreen(tuple(answer for answer in found if answer.standing.settled), folded)


def standing_of(factor: str, analysis: Analysis) -> Standing:
    """What the recipe makes of a factor, and where it has no place in the recipe, why."""
    recipe = analysis.recipe_to_keep
    own = [effect for effect in analysis.declared if effect.factor == factor]
    helps = any(effect.verdict.helps for effect in own)
    hurts = any(effect.verdict.hurts or effect.verdict is Verdict.UNSTABLE for effect in own)
    if factor in recipe.factors:
        return Standing.KEEP
    if factor in recipe.left_out:
        return Standing.LEFT_OUT
    if helps:
        return Standing.DEPENDS if hurts else Standing.IN_PART
    if hurts:
        return Standing.HURTS
    alike = (Verdict.NO_MEANINGFUL_DIFFERENCE, Verdict.NO_EFFECT, Verdict.IDENTICAL_RUNS)
    return Standing.EQUAL if all(effect.verdict in alike for effect in own) else Standing.UNDECIDED


def _answer(factor: str, analysis: Analysis, scale: Scale) -> Answer:
    effects = [effect for effect in analysis.declared if effect.factor == factor]
    ratio = next((effect.step_ratio for effect in effects if effect.step_ratio is not None), None)
    return Answer(
        factor=factor,
        standing=standing_of(factor, analysis),
        findings=tuple(_finding(effect, scale) for effect in effects),
        step_ratio=ratio_text(ratio).partition(" ")[0] if ratio else "",
        step_range=ratio_text(ratio).partition(" ")[2] if ratio else "",
        images_ratio=_images_ratio(effects, analysis),
    )


def _images_ratio(effects: list[Effect], analysis: Analysis) -> str:
    """What teachers and pretraining make of an arm's images over its reference's: a step does not show them."""
    arms = {arm.name: arm for arm in analysis.arms}
    for effect in effects:
        arm, reference = arms.get(effect.treatment), arms.get(effect.reference)
        if arm is None or reference is None or not arm.samples_with_ancestors or not reference.samples_with_ancestors:
            continue
        earlier = (arm.samples_with_ancestors - (arm.samples_seen or 0)) - (
            reference.samples_with_ancestors - (reference.samples_seen or 0)
        )
        if earlier > 0:
            return f"{arm.samples_with_ancestors / reference.samples_with_ancestors:.1f}x"
    return ""


def _finding(effect: Effect, scale: Scale) -> Finding:
    numbers = "" if effect.estimate is None else effect_text(effect, scale)
    return Finding(
        place=place(effect.context),
        numbers="" if numbers in effect.sentence else numbers,
        sentence=effect.sentence,
        tone=tone_of(effect),
        notes=effect.notes,
    )
