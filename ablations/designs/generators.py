"""Generators of a fraction as a person writes them: `ema = mixup*cutmix`, or `E=ABC` where names are single letters."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.spec.errors import SpecError


@dataclass(frozen=True, slots=True)
class Generator:
    """A factor that is not free: in every cell it takes the signed product of free ones."""

    factor: str
    product: frozenset[str]
    sign: int  # -1 or +1

    @classmethod
    def keeping_bare(cls, factor: str, product: frozenset[str]) -> "Generator":
        """With the sign that has all factors off together in one cell."""
        return cls(factor, product, -1 if len(product) % 2 == 0 else 1)


def read_generator(text: str, factors: Sequence[str]) -> Generator:
    """One generator.

    Without a sign, the one that keeps bare in the fraction is chosen; `+` or `-` is taken as written.

    Raises:
        SpecError: it is no generator of these factors.
    """
    left, equals, right = (part.strip() for part in text.partition("="))
    sign = {"-": -1, "+": 1}.get(right[:1])
    body = right[1:] if sign is not None else right
    known = set(factors)
    names = _names(body, known)
    unknown = [name for name in (left, *names) if name and name not in known]
    if unknown:
        raise SpecError(f"design.generators: {text!r}: {unknown[0]!r} is no factor; they are {', '.join(factors)}")
    if not equals or not left or not names:
        raise SpecError(
            f"design.generators: {text!r}: expected a factor, '=', and a product of others such as "
            f"'{factors[-1]} = {'*'.join(factors[:2])}'; factors are {', '.join(factors)}"
        )
    twice = next((name for name in (left, *names) if (left, *names).count(name) > 1), None)
    if twice is not None:
        raise SpecError(f"design.generators: {text!r}: {twice} is in it twice; every factor may be in it once")
    product = frozenset(names)
    return Generator.keeping_bare(left, product) if sign is None else Generator(left, product, sign)


def read_generators(texts: Sequence[str], factors: Sequence[str]) -> tuple[Generator, ...]:
    """All generators of one fraction.

    Raises:
        SpecError: a factor is given twice, or by a factor that itself depends on others.
    """
    found = tuple(read_generator(text, factors) for text in texts)
    dependent = [generator.factor for generator in found]
    for text, generator in zip(texts, found, strict=True):
        if dependent.count(generator.factor) > 1:
            raise SpecError(f"design.generators: {generator.factor} has two; give it one")
        chained = sorted(generator.product & set(dependent))
        if chained:
            raise SpecError(
                f"design.generators: {text!r} uses {', '.join(chained)}, which has a generator of its own; "
                "write it with the free factors"
            )
    return found


def _names(body: str, known: set[str]) -> list[str]:
    parts = body.replace("*", " ").split()
    if len(parts) == 1 and parts[0] not in known and all(letter in known for letter in parts[0]):
        return list(parts[0])
    return parts
