"""What stages start from, looked at when planning: weights are fetched once and kept in the cache by their content."""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import safetensors.torch

from pipeline.experiment import StageSpec
from pipeline.models.build import build_model
from pipeline.models.pretrained import fetch, pretrained_tag, published_colours
from pipeline.models.weights import checked_sha256, load_part, read_weights
from pipeline.spec.base import content_hash
from pipeline.spec.errors import Impossible, ResourceError
from pipeline.spec.links import AnyInit, FromFile, NetworkRef, Pretrained, with_networks
from pipeline.spec.model import AnyModel, Timm

SAFETENSORS = ".safetensors"


class Starts:
    """The starting weights of a plan's stages; each is looked at once, however many arms share it.

    Args:
        cache: the folder that workers will read weights from. None: nothing is fetched or copied, and pretrained
            weights get a name of their own in place of their content; for checking a grid.
    """

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._known: dict[tuple[str, str, int], FromFile | Impossible] = {}

    def resolved(self, stage: StageSpec, num_classes: int, where: str) -> StageSpec:
        """The stage as workers get it: whatever it reads from outside has become a file with its sha256.

        Raises:
            SpecError: weights cannot be had, or are not those that were pinned.
            Impossible: they do not fit the network, or timm has none for it.
            ResourceError: the cache cannot be written.
        """

        def looked_at(network: NetworkRef) -> NetworkRef:
            at = f"{where}: teacher.weights"
            found = self._of(network.weights, network.model, num_classes, at)
            colours = network.colours
            if colours is None and isinstance(network.weights, Pretrained) and isinstance(network.model, Timm):
                colours = published_colours(network.model, network.weights.tag, at)
            # Those of the student are the default: said or not, the same teacher.
            colours = None if colours == stage.data.colours else colours
            return network.model_copy(update={"weights": found, "colours": colours})

        return stage.model_copy(
            update={
                "init": self._of(stage.init, stage.model, num_classes, f"{where}: init"),
                "strategies": tuple(with_networks(strategy, looked_at) for strategy in stage.strategies),
            }
        )

    def _of(self, wanted: AnyInit, model: AnyModel, num_classes: int, where: str) -> AnyInit:
        """Starting weights as workers get them.

        Raises:
            SpecError: weights cannot be had, or are not those that were pinned.
            Impossible: they do not fit the network, or timm has none for it; only the reason, without `where`.
            ResourceError: the cache cannot be written.
        """
        if not isinstance(wanted, FromFile | Pretrained):
            return wanted
        key = (wanted.model_dump_json(), model.model_dump_json(), num_classes)  # text: options have no hash
        if key not in self._known:
            try:
                self._known[key] = self._look(wanted, model, num_classes, where)
            except Impossible as error:
                self._known[key] = error
        found = self._known[key]
        if isinstance(found, Impossible):
            raise Impossible(str(found))
        return found

    def _look(self, init: FromFile | Pretrained, model: AnyModel, num_classes: int, where: str) -> FromFile:
        if isinstance(init, FromFile):
            found = self._kept(init.model_copy(update={"path": str(Path(init.path).expanduser().resolve())}), where)
        else:
            if not isinstance(model, Timm):
                raise Impossible(f"timm has no pretrained weights for model.kind={model.kind}; start from_file")
            tag = pretrained_tag(model, init.tag, where)
            name = content_hash([model.model_dump(mode="json", exclude={"num_classes"}), tag])
            if self._cache is None:
                return FromFile(path=f"{model.name}.{tag}", part=init.part, sha256=name)
            found = _fetched(model, tag, self._cache, name, where).model_copy(update={"part": init.part})
        network, weights = build_model(model, model.head_size(num_classes)), read_weights(Path(found.path), where)
        load_part(network, weights, found.part, where.rpartition(": ")[2])
        return found

    def _kept(self, init: FromFile, where: str) -> FromFile:
        sha256 = checked_sha256(init, where)
        if self._cache is None:
            return init.model_copy(update={"sha256": sha256})
        path = Path(init.path)
        kept = self._cache / f"{sha256}{SAFETENSORS if path.suffix == SAFETENSORS else '.pt'}"
        if not kept.exists():
            _write(kept, lambda part: shutil.copyfile(path, part))
        return init.model_copy(update={"path": str(kept), "sha256": sha256})


def _fetched(model: Timm, tag: str, cache: Path, name: str, where: str) -> FromFile:
    """Pretrained weights in the cache; a small file under the name of what was asked for says which."""
    note = cache / f"{name}.sha256"
    if note.exists() and (kept := cache / f"{note.read_text()}{SAFETENSORS}").exists():
        return FromFile(path=str(kept), sha256=note.read_text())
    weights, part = fetch(model, tag, where), cache / f"{name}{SAFETENSORS}"
    _write(part, lambda path: safetensors.torch.save_file(weights, path))
    sha256 = checked_sha256(FromFile(path=str(part)), where)
    kept = part.replace(cache / f"{sha256}{SAFETENSORS}")
    _write(note, lambda path: path.write_text(sha256))
    return FromFile(path=str(kept), sha256=sha256)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise ResourceError(
            f"cannot write {path}: {error}. Free some disk, or choose another home with --home"
        ) from error
