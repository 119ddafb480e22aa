"""What of a home may go because no study in it needs it. Records, curves and predictions are never part of it."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree

from ablations.records.home import Home
from pipeline.spec.errors import RecordError, SpecError
from pipeline.spec.records import run_key
from reports.analysis.completeness import assess_completeness
from reports.analysis.study import analyse
from reports.records.load import StudyData, nearest_text

HOURS = {"h": 1, "d": 24, "w": 168}
ALWAYS_KEPT = ("bare", "full")  # with the recipe to keep: what `ablate report --final` scores


@dataclass(frozen=True, slots=True)
class Waste:
    """Files or folders of one kind."""

    what: str
    then: str  # what it costs to want them again
    paths: tuple[Path, ...]

    @property
    def num_bytes(self) -> int:
        """On disk."""
        return sum(_size(path) for path in self.paths)


def find_waste(home: Home, studies: Iterable[StudyData], given_up: str | None = None) -> tuple[Waste, ...]:
    """Everything that no study of the home needs, by kind; kinds of which there is nothing are left out.

    An unfinished study needs the prepared images, the weights that its runs start from and its checkpoints. A
    finished one needs the weights that its test scores are read with, and both the small pictures of their data.

    Args:
        home: where to look. Nothing is deleted.
        studies: all of this home.
        given_up: a study that shall need nothing any more; then only what it has used is looked at.

    Raises:
        RecordError: there is no study of that name.
    """
    studies = list(studies)
    if given_up is None:
        return _unneeded(home, studies)
    names = [study.plan.study for study in studies]
    if given_up not in names:
        raise RecordError(
            f"--study: no study {given_up!r} in {home.root}{nearest_text(given_up, names)}; it has "
            f"{', '.join(names) or 'none'}"
        )
    plan = studies.pop(names.index(given_up)).plan
    used = {run_key(stage, seed) for stage, seeds in plan.seeds_by_stage().items() for seed in seeds}
    specs = "".join(stage.model_dump_json() for arm in plan.arms for stage in arm.stages)

    def has_used(path: Path) -> bool:
        if path.is_relative_to(home.weights):
            return _sha256_of(path) in specs
        if path.is_relative_to(home.cache):  # which studies prepared images are of is not known
            return True
        return path.name in used or path.parent.name in used or path.stem == plan.data.fingerprint

    return _only(_unneeded(home, studies), has_used)


def written_before(waste: Iterable[Waste], age_s: float) -> tuple[Waste, ...]:
    """Of the waste, what nobody has written to for so many seconds."""
    latest = time.time() - age_s
    return _only(waste, lambda path: _last_written(path) < latest)


def age_s(text: str) -> float:
    """Seconds of '12h', '30d' or '2w'.

    Raises:
        SpecError: it is none of these.
    """
    found = re.fullmatch(r"(\d+)([hdw])", text.strip())
    if found is None:
        raise SpecError(f"--older-than: {text!r} is no age; write a whole number of h, d or w, such as 30d")
    return int(found[1]) * HOURS[found[2]] * 3600.0


def _only(waste: Iterable[Waste], keep: Callable[[Path], bool]) -> tuple[Waste, ...]:
    found = (replace(kind, paths=tuple(filter(keep, kind.paths))) for kind in waste)
    return tuple(kind for kind in found if kind.paths)


def _last_written(path: Path) -> float:
    return max((file.stat().st_mtime for file in _files(path)), default=path.stat().st_mtime)


def _unneeded(home: Home, studies: list[StudyData]) -> tuple[Waste, ...]:
    fingerprints = {study.plan.data.fingerprint for study in studies}
    kept = frozenset(key for study in studies for key in _needed_weights(study))
    open_runs = frozenset(key for study in studies for key in _open_runs(study))
    specs = "".join(stage.model_dump_json() for study in studies for arm in study.plan.arms for stage in arm.stages)
    found = (
        Waste(
            "checkpoints of runs that are over",
            "nothing is lost",
            tuple(folder for folder in _inside(home.root / "stages") if folder.name not in open_runs),
        ),
        Waste(
            "weights of runs that no test score needs",
            "a new arm that starts from one of these runs has to train it again",
            tuple(p for p in sorted(home.runs.glob("*/model.pt")) if p.parent.name not in kept | open_runs),
        ),
        Waste(
            "prepared images",
            "the next run decodes them again",
            tuple(_inside(home.cache / "prepared")) if not open_runs else (),
        ),
        Waste(
            "weights from outside that no study starts from",
            "a grid that names them fetches them again",
            tuple(path for path in _inside(home.weights) if _sha256_of(path) not in specs),
        ),
        Waste(
            "small pictures of images that no study is about",
            "the next run on these images makes them again",
            tuple(path for path in _inside(home.thumbnails_dir) if path.stem not in fingerprints),
        ),
    )
    return tuple(waste for waste in found if waste.paths)


def delete(waste: Iterable[Waste]) -> None:
    """Remove it for good."""
    for path in (path for kind in waste for path in kind.paths):
        if path.is_dir():
            rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _open_runs(study: StudyData) -> Iterator[str]:
    """Keys of the planned runs that have not finished: `ablate run` would train them."""
    for stage_hash, seeds in study.plan.seeds_by_stage().items():
        yield from (run_key(stage_hash, seed) for seed in seeds if study.finished((stage_hash, seed)) is None)


def _needed_weights(study: StudyData) -> Iterator[str]:
    recipe = analyse(study).recipe_to_keep.arm
    unfinished = not assess_completeness(study).complete
    for arm in study.plan.arms:
        for seed in study.plan.seeds_of(arm):
            if arm.name in (*ALWAYS_KEPT, recipe):
                yield run_key(arm.final.stage_hash, seed)
            if unfinished and study.finished((arm.final.stage_hash, seed)) is None:
                yield from (run_key(stage.stage_hash, seed) for stage in arm.stages[:-1])


def _sha256_of(path: Path) -> str:
    """Of weights by their name, of a note beside them by what it says."""
    return path.read_text() if path.suffix == ".sha256" else path.stem


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    return (file for file in (path.rglob("*") if path.is_dir() else (path,)) if file.is_file())
