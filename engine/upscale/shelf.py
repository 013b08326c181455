"""Which upscalers are at hand, and the file of a name. Light: the window asks it too."""

from __future__ import annotations

from pathlib import Path

from engine import paths
from models.errors import LodestoneError

BUNDLED = ("fredsr", "fredsr-vivid")


def own_folder() -> Path:
    """Upscalers that a person has added."""
    return paths.home() / "upscalers"


def bundled_folder() -> Path:
    return paths.assets() / "upscalers"


def names() -> tuple[str, ...]:
    """What `find` knows by name: the bundled ones, then a person's own."""
    own = own_folder()
    found = sorted(p.stem for p in own.iterdir() if _is_upscaler(p)) if own.is_dir() else []
    bundled = [name for name in BUNDLED if heads(name)]
    return tuple(dict.fromkeys((*bundled, *found)))


def _is_upscaler(path: Path) -> bool:
    return path.suffix in (".safetensors", ".onnx") and not path.name.startswith(".")


def heads(name: str) -> dict[int, Path]:
    """Scale -> card of a bundled upscaler."""
    made = {scale: bundled_folder() / f"{name}-x{scale}.safetensors" for scale in (2, 3, 4)}
    return {scale: path for scale, path in made.items() if path.is_file()}


def find(model: str, scale: float) -> Path:
    """The file of a name or path; of a bundled one that for the scale, or the next above it."""
    if model in BUNDLED:
        made = heads(model)
        if made:
            return made[min((s for s in made if s >= scale), default=max(made))]
    for suffix in (".safetensors", ".onnx"):
        own = own_folder() / f"{model}{suffix}"
        if "/" not in model and "\\" not in model and own.is_file():
            return own
    path = Path(model).expanduser()
    kind = path.suffix.lower()
    if kind in (".pt", ".ckpt", ".torchscript", ".jit"):
        raise LodestoneError(
            f"{path.name} is a kind of file that can run programs hidden inside it, and is not "
            "opened. Look for the same model as .safetensors or .onnx."
        )
    if kind == ".pth" or (kind == ".safetensors" and path.is_file() and _foreign(path)):
        raise LodestoneError(f"{path.name} has to be added first: lodestone models add {path.name}")
    if not path.is_file():
        raise missing(model)
    return path


def _foreign(path: Path) -> bool:
    """Whether a safetensors file has no card of ours."""
    from models.errors import RefusedFile
    from models.files import read_card

    try:
        read_card(path)
    except RefusedFile as error:
        return "without a Lodestone model card" in error.sentence
    return False


def missing(model: str) -> LodestoneError:
    known = ", ".join(names())
    at_hand = f" At hand: {known}." if known else ""
    return LodestoneError(f"There is no upscaler {model}. Choose another, or add it.{at_hand}")
