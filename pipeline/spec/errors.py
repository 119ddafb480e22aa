"""Errors a user can meet. Each says where, what came, what was expected and what to do about it."""


class ProjectError(Exception):
    """Base of every error this project raises on purpose; the command line prints it without a traceback.

    One message argument only, so that every subclass survives pickling across Ray processes.
    """


class SpecError(ProjectError, ValueError):
    """A spec or grid says something impossible."""


class Impossible(SpecError):
    """Parts that are fine one by one cannot be together, such as two strategies that clash.

    Validators raise it instead of a plain ValueError. A planner then skips what cannot be and goes on with the rest,
    where a typo or a value out of range stops it.
    """


class DataError(ProjectError, ValueError):
    """The images or labels on disk are not what the spec promises."""


class ResourceError(ProjectError, RuntimeError):
    """The cluster cannot hold what was asked for."""


class RecordError(ProjectError, RuntimeError):
    """A stored record, plan or artifact cannot be read."""


class StreamStalled(ProjectError, RuntimeError):
    """A rank waited too long for its next batch."""


class Diverged(ProjectError, ArithmeticError):
    """The training loss is no longer a finite number. All ranks raise it at the same step."""

    def __init__(self, message: str, step: int = -1) -> None:
        super().__init__(message)
        self.step = step

    def __reduce__(self) -> tuple[type["Diverged"], tuple[str, int]]:
        return (type(self), (str(self), self.step))


class ContractBroken(ProjectError, AssertionError):
    """A strategy does not do what every strategy promises."""
