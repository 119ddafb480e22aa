"""How this project runs Ray Data: one operator per execution, quietly, on all the CPUs it was given."""

from ray.data import DataContext


def our_context() -> DataContext:
    """The context of this process, set up; executions take a copy when they start."""
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Ray Data keeps a share of the CPUs back for each operator that might need it. With one operator that share stays
    # idle: on two CPUs one task ran at a time (docs/LOG.md).
    context.op_resource_reservation_enabled = False
    return context
