"""A person's own upscalers: FREDSR cards, ONNX, and community weights made ONNX (job)."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.messages import LodestoneError
from engine.progress import Progress
from engine.upscale.community import SPAN
from engine.upscale.shelf import own_folder
from engine.upscale.store import ARCHITECTURE
from models.errors import RefusedFile
from models.files import read_card, write_atomically

LARGEST = 600 * 2**20
"""Bytes of a file with weights; upscalers are far smaller."""


class _Unknown(LodestoneError):
    """Weights of no upscaler that spandrel knows."""


def is_upscaler(path: Path) -> bool:
    """Whether a file is one by its name or its card; weights of others are tried as generators."""
    if path.suffix.lower() == ".onnx":
        return True
    try:
        return read_card(path).architecture == ARCHITECTURE
    except (RefusedFile, OSError):
        return False


def add_upscaler(path: str, name: str, progress: Progress) -> str:
    """Check it by running it, and keep a copy under a name; returns where it lies."""
    from engine.messages import UpscaleSettings
    from engine.upscale.opened import open_upscaler

    source = Path(path).expanduser()
    if not source.is_file():
        raise LodestoneError(f"There is no file {source}. Check the name.")
    stem = _stem(name or source.stem)
    if source.suffix.lower() in (".pth", ".safetensors") and not is_upscaler(source):
        content, suffix = converted(source, progress), ".onnx"
    else:
        content, suffix = source.read_bytes(), source.suffix.lower()
    target = own_folder() / f"{stem}{suffix}"
    trial = target.with_name(f".trial-{target.name}")
    try:
        write_atomically(trial, content)
        shape = open_upscaler(UpscaleSettings(model=str(trial), device="cpu")).shape
        trial.replace(target)
    finally:
        trial.unlink(missing_ok=True)
    progress(1.0, f"{stem} enlarges {shape.scale} times.")
    return str(target)


def _stem(name: str) -> str:
    stem = "".join(c if c.isalnum() or c in " -_.()" else "_" for c in name).strip(" .")
    if not stem:
        raise LodestoneError("This name cannot be a file's. Choose another.")
    return stem


def converted(path: Path, progress: Progress) -> bytes:
    """The ONNX graph of community weights, read by spandrel without running what is inside them."""
    import tempfile

    if path.stat().st_size > LARGEST:
        raise LodestoneError(f"{path.name} is too large for an upscaler. Choose another file.")
    progress(0.1, f"Reading {path.name}")
    net, scale = _described(path)
    progress(0.4, "Making it ONNX")
    import torch

    picture = torch.rand(1, 3, 64, 64)
    axes = {2: "height", 3: "width"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "model.onnx"
        try:
            with torch.no_grad(), warnings.catch_warnings():
                # The old exporter takes what people have written; that it is old is known.
                warnings.simplefilter("ignore")
                torch.onnx.export(
                    net, (picture,), str(out), input_names=["picture"], output_names=["large"],
                    dynamic_axes={"picture": axes, "large": axes}, opset_version=17, dynamo=False,
                )  # fmt: skip
        except Exception as error:  # noqa: BLE001 - exporters raise anything
            raise LodestoneError(
                f"{path.name} could not be turned into ONNX. Look for it as .onnx.", repr(error)
            ) from error
        _check(net, out, picture, scale, path)
        return _marked(out)


def _marked(path: Path) -> bytes:
    """With a word on its span: spandrel's networks all count from 0 to 1."""
    import onnx

    model = onnx.load(str(path))
    entry = model.metadata_props.add()
    entry.key, entry.value = SPAN, "0 1"
    return model.SerializeToString()


@contextmanager
def _torchvision() -> Iterator[None]:
    """While spandrel is imported: the real torchvision, or stand-ins for the three names it takes.

    Those serve models that are no upscalers. A torchvision made for CUDA does not load beside a
    torch for the CPU. Whoever imports torchvision later gets the real one, or its real error.
    """
    try:
        importlib.import_module("torchvision.transforms.functional")
    except (ImportError, RuntimeError, OSError):
        _forget_torchvision()
    else:
        yield
        return
    names = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")
    modules = {name: ModuleType(name) for name in names}
    modules[names[2]].__dict__.update(InterpolationMode=None, rotate=None, normalize=None)
    sys.modules.update(modules)
    try:
        yield
    finally:
        _forget_torchvision()


def _forget_torchvision() -> None:
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]


def _spandrel(path: Path) -> Any:
    """The optional package. LodestoneError where it is not installed."""
    try:
        with _torchvision():
            return importlib.import_module("spandrel")
    except ImportError as error:
        raise LodestoneError(
            f"{path.name} needs the optional package spandrel, which is not installed. Install "
            "lodestone[community], or look for the model as .onnx.",
            repr(error),
        ) from error


def _described(path: Path) -> tuple[Any, int]:
    spandrel = _spandrel(path)
    try:
        found = spandrel.ModelLoader(device="cpu").load_from_file(str(path))
    except Exception as error:  # noqa: BLE001 - whatever a hostile or unknown file makes it raise
        raise _Unknown(
            f"{path.name} holds no upscaler that is known, or more than weights; it was not "
            "opened. Choose another file.",
            repr(error),
        ) from error
    if not isinstance(found, spandrel.ImageModelDescriptor) or found.input_channels != 3:
        raise LodestoneError(f"{path.name} does not enlarge colour pictures. Choose another model.")
    return found.model.eval().float(), found.scale


def _check(net: Any, out: Path, picture: Any, scale: int, path: Path) -> None:
    """What ONNX computes is what torch computes."""
    import numpy as np
    import torch

    from engine.onnx_backend import open_session

    made = np.asarray(open_session(str(out), 1).run(None, {"picture": picture.numpy()})[0])
    with torch.no_grad():
        theirs = net(picture).numpy()
    if made.shape[-1] != 64 * scale or not np.abs(made - theirs).max() <= 1e-3:
        raise LodestoneError(
            f"{path.name} could not be turned into ONNX exactly. Look for it as .onnx."
        )


def add_or_explain(path: str, name: str, progress: Progress, refused: LodestoneError) -> str:
    """For a file that is no generator: as an upscaler; `refused` if it is none either."""
    if Path(path).suffix.lower() not in (".pth", ".safetensors"):
        raise refused
    try:
        return add_upscaler(path, name, progress)
    except _Unknown as error:
        detail = f"{error.sentence} {error.detail} / {refused.detail}"
        raise LodestoneError(refused.sentence, detail) from error
