"""Wilson's interval for a share, such as the share of seeds that failed."""

import numpy as np
from scipy import stats

from reports.stats.estimate import Interval


def wilson(count: float, total: int, level: float = 0.95) -> Interval:
    """Score interval of count / total; sensible also at 0 and at `total`. A mean over runs may count in fractions."""
    z = float(stats.norm.ppf((1 + level) / 2))
    share = count / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half_width = z / (1 + z * z / total) * float(np.sqrt(share * (1 - share) / total + z * z / (4 * total * total)))
    return Interval(max(0.0, centre - half_width), min(1.0, centre + half_width))
