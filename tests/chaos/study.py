"""The study that is broken: tiny trials on the digits, two lanes, two stages in one arm."""

from pathlib import Path

import yaml

STUDY = "chaos"
GRID = """\
study: chaos
question: Does a study that is broken end with the numbers of one that is not?
base:
  data: {kind: digits, num_train: 240}
  model: {kind: small_cnn, width: 4}
  optimizer: {kind: sgd, lr: 0.05}
  budget: {epochs: 24, batch_size: 24}
  precision: fp32
factors:
  cosine: {schedule: {kind: cosine}}
  smoothing: {strategies: [{kind: label_smoothing, epsilon: 0.1}]}
  mixup: {strategies: [{kind: mixup, alpha: 0.2}]}
  cutout: {strategies: [{kind: cutout}]}
  clipping: {strategies: [{kind: clip_norm}]}
  ema: {strategies: [{kind: ema}]}
  sam: {strategies: [{kind: sam}]}
  distill: {recipes: [{kind: teacher_student, teacher: {kind: small_cnn, width: 6}, epochs: 24}]}
design: {kind: add_one_in}
noise_floor: false
resources:
  {lanes: 2, threads_per_worker: 1, cpus_per_worker: 0.5, data_cpus: 1, timing_rounds: 0, checkpoint_every_s: 0,
   max_attempts: 20}
"""
NUM_ARMS = 10  # bare, eight factors, full


def write_grid(path: Path, seeds: list[int]) -> Path:
    """The grid with these seeds: ten trials for each."""
    path.write_text(yaml.safe_dump({**yaml.safe_load(GRID), "seeds": seeds}, sort_keys=False), encoding="utf-8")
    return path
