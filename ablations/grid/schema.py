"""JSON Schema of a grid file. Factors are patches, so their fields are the experiment's, none required."""

from typing import Any

from ablations.grid.spec import GridSpec
from pipeline.recipes.experiment import ExperimentSpec


def grid_schema() -> dict[str, Any]:
    """For editors: completion and checks while a grid is written. The planner checks more."""
    grid = GridSpec.model_json_schema(ref_template="#/$defs/{model}")
    experiment = ExperimentSpec.model_json_schema(ref_template="#/$defs/{model}")
    defs = {**grid.pop("$defs", {}), **experiment.pop("$defs", {})}
    # `required` is dropped: a patch gives some fields only, and dotted paths are further names.
    patch = {**experiment, "title": "Patch", "additionalProperties": True}
    patch.pop("required", None)
    grid["properties"]["base"] = {**experiment, "title": "base"}
    levels = {"levels": {"type": "object", "additionalProperties": patch, "minProperties": 1}}
    factor = {**patch, "properties": {**patch["properties"], **levels}, "title": "Factor"}
    for group, member in (("factors", factor), ("controls", patch)):
        grid["properties"][group] = {"type": "object", "additionalProperties": member, "title": group}
    by_name = {"type": "object", "additionalProperties": patch, "minProperties": 1}
    grid["properties"]["conditions"] = {"type": "object", "additionalProperties": by_name, "title": "conditions"}
    grid["properties"]["seeds"] = {
        "anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "items": {"type": "integer"}}]
    }
    grid["properties"]["noise_floor"] = {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/NoiseFloor"}]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **grid, "$defs": defs}
