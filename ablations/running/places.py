"""The resources that a lane holds: noted where they outlive whoever reserved them, so that they can be given back.

Ray Train reserves them in a lane's controller. When that dies, its workers end, but the reservation stays until the
whole job ends: Ray's own cleaner asks the dashboard who is alive, and a Ray without one never answers. The lane's next
controller would wait for its own predecessor for ever.
"""

import ray
from ray._raylet import PlacementGroupID
from ray.experimental.internal_kv import _internal_kv_del, _internal_kv_get, _internal_kv_put
from ray.util import get_current_placement_group, remove_placement_group
from ray.util.placement_group import PlacementGroup


def note_place(lane: str) -> None:
    """Called in a lane's worker: note what its group holds."""
    held = get_current_placement_group()
    if held is not None:
        _internal_kv_put(_key(lane), held.id.binary())


def free_place(lane: str) -> None:
    """Called in the driver: give back what the last group of this lane held, if it noted anything."""
    held = _internal_kv_get(_key(lane))
    if held:
        _internal_kv_del(_key(lane))
        remove_placement_group(PlacementGroup(PlacementGroupID(held)))


def _key(lane: str) -> bytes:
    return f"ablate/{ray.get_runtime_context().get_job_id()}/{lane}".encode()
