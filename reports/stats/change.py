"""How far two estimates lie apart that share no run: Welch's t with Satterthwaite's degrees of freedom."""

from reports.stats.estimate import Estimate


def satterthwaite_df(one: Estimate, other: Estimate) -> float:
    """Degrees of freedom of the sum or difference of two estimates, at least one of them with spread."""
    own, others = one.standard_error**2, other.standard_error**2
    return (own + others) ** 2 / (own**2 / one.df + others**2 / other.df)


def change(one: Estimate, other: Estimate) -> Estimate:
    """The other estimate minus this one.

    Each keeps the spread of its own study (Welch 1947, doi:10.1093/biomet/34.1-2.28; Satterthwaite 1946,
    doi:10.2307/3002019). They are taken as independent although both have the same seeds: each is a difference within
    a seed already, so that what is left in common would be luck of a factor with a seed that lasts from one condition
    to another; where there is, the interval is too wide. Pairing them over seeds would leave n - 1 degrees of freedom,
    2 with three seeds.

    Args:
        one: with spread.
        other: with spread, on the same scale.
    """
    return Estimate(
        method=one.method,
        effect=other.effect - one.effect,
        standard_error=(one.standard_error**2 + other.standard_error**2) ** 0.5,
        df=satterthwaite_df(one, other),
        num_seeds=min(one.num_seeds, other.num_seeds),
    )
