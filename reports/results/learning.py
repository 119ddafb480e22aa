"""Learning curves, run by run and averaged: plain values, for they are as long as training is."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Run:
    """The validation curve of one run, in display units."""

    seed: int
    failed: bool
    epochs: np.ndarray  # [num_epochs] int
    elapsed_s: np.ndarray  # [num_epochs] wall time since the run began, on a shared machine
    values: np.ndarray  # [num_epochs]


@dataclass(frozen=True, slots=True)
class Average:
    """Over the runs of an arm that finished, at the epochs that all of them reached."""

    epochs: np.ndarray  # [num_epochs] int
    elapsed_s: np.ndarray  # [num_epochs] mean over runs
    values: np.ndarray  # [num_epochs] mean over runs
    half_width: np.ndarray | None  # [num_epochs] of the pointwise 95% t interval; None below 3 runs
    num_runs: int


@dataclass(frozen=True, slots=True)
class ArmCurves:
    """One arm. `average` is None where no run of it finished."""

    arm: str
    runs: tuple[Run, ...]
    average: Average | None


@dataclass(frozen=True, slots=True)
class FeatureCurves:
    """A stage that is judged by its features: runs by the name of their curve, as recorded (shares of 1)."""

    stage: str
    stage_hash: str
    arms: tuple[str, ...]  # that need it
    curves: dict[str, tuple[Run, ...]]
    warnings: tuple[str, ...]  # of its runs, each with its seed
