"""Data sets as the planner sees them: listed once, counted once, hashed once. Reads no pixels."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.data.listing import Listing
from pipeline.data.pool import count_roles
from pipeline.data.prepare import prepared_key
from pipeline.spec.base import content_hash
from pipeline.spec.data import AnyData


@dataclass(frozen=True, slots=True)
class Scanned:
    """A listing with what every arm asks of it; over many thousand samples each of these takes a while."""

    listing: Listing
    fingerprint: str
    num_samples: dict[str, int]  # role -> samples

    @classmethod
    def of(cls, listing: Listing) -> "Scanned":
        """Count and hash once."""
        return cls(listing, listing.fingerprint, count_roles(listing))


class Scans:
    """Each data spec is listed once, and hashed once."""

    def __init__(self, scan_data: Callable[[AnyData], Listing]) -> None:
        self._scan = scan_data
        self._known: dict[str, Scanned] = {}
        self._keys: dict[AnyData, str] = {}

    def of(self, spec: AnyData) -> Scanned:
        """What a data spec names; specs that differ in size or augmentation only share it."""
        where = {
            k: v
            for k, v in spec.model_dump(mode="json").items()
            if k not in ("augment", "image_size_px", "eval_image_size_px", "mean", "std")
        }
        key = content_hash(where)
        if key not in self._known:
            self._known[key] = Scanned.of(self._scan(spec))
        return self._known[key]

    def data_key(self, spec: AnyData) -> str:
        """Two specs with this key in common share a DataHandle."""
        if spec not in self._keys:
            self._keys[spec] = data_key(spec, self.of(spec).listing)
        return self._keys[spec]


def data_key(spec: AnyData, listing: Listing) -> str:
    """Two specs with this key in common share a DataHandle."""
    return content_hash([prepared_key(spec, listing), spec.on_bad_image])[:16]
