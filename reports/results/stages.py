"""What is trained for what, as typed values: every distinct training stage once."""

from pydantic import Field

from pipeline.spec.base import Frozen


class Representation(Frozen):
    """What the features of a stage without labels say about validation images. Means over its finished seeds."""

    num_seeds: int
    knn_top1: float = Field(description="0 to 1, by the votes of the nearest labelled training images")
    probe_top1: float = Field(description="0 to 1, by a linear classifier on the features as they are")
    feature_spread: float = Field(description="1: features differ in all directions alike, 0: they are all the same")
    effective_rank: float


class StageNode(Frozen):
    """One distinct stage. Costs are seconds a seed on a shared machine: for planning, not for verdicts."""

    stage_hash: str
    names: tuple[str, ...] = Field(description="that its arms call it by")
    needs: tuple[str, ...] = Field(description="hashes of the stages that it starts from")
    depth: int = Field(description="stages before it on the longest way")
    result_of: tuple[str, ...] = Field(description="arms whose last stage it is")
    on_the_way_to: tuple[str, ...] = Field(description="arms that need it before their last stage")
    seeds: tuple[int, ...]
    num_finished: int
    busy_s: float | None = Field(description="its own, mean over finished seeds")
    busy_s_with_ancestors: float | None = Field(description="and of all stages before it, each once")
    representation: Representation | None = Field(None, description="None: the stage is judged by its classifier")

    @property
    def num_arms(self) -> int:
        """Arms that share it."""
        return len(self.result_of) + len(self.on_the_way_to)


class StageGraph(Frozen):
    """Stages, those without needs first."""

    nodes: tuple[StageNode, ...]
    num_runs: int = Field(description="distinct runs: stages by seed")
    num_runs_unshared: int = Field(description="that it would take if every arm trained all its stages itself")
