"""What the features of stages without labels say, in words."""

from reports.results.stages import Representation, StageGraph


def features_text(found: Representation) -> str:
    """One stage's final values, means over its finished seeds."""
    return (
        f"nearest neighbours {100 * found.knn_top1:.1f}%, linear probe {100 * found.probe_top1:.1f}%; spread "
        f"{found.feature_spread:.2f} of 1, effective rank {found.effective_rank:.1f} "
        f"(mean of {found.num_seeds} seed{'s' if found.num_seeds != 1 else ''})"
    )


def feature_lines(graph: StageGraph) -> tuple[str, ...]:
    """A sentence for each such stage."""
    return tuple(
        f"Features of stage {', '.join(node.names)} {node.stage_hash[:8]} on validation images: "
        f"{features_text(node.representation)}."
        for node in graph.nodes
        if node.representation is not None
    )
