"""A trained stage for those that need an earlier one."""

from pipeline.contract.stages import job_in, train_teacher

__all__ = ["job_in", "train_teacher"]
