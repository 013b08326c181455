"""`torch.export` files (.pt2) opened so that nothing in them can act. Imports torch.

Torch itself trusts such a file: it unpickles parts, evaluates text as formulas and calls what the
graph names. So a copy is made in memory of only what a network of tensors needs, each part checked
against what it may be; whatever else there is makes the file refused.
"""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.errors import RefusedFile

_TARGET = re.compile(r"(torch\.ops\.aten\.\w+(\.\w+)?|_operator\.\w+|math\.(ceil|floor|trunc))")
_FORMULA = re.compile(
    r"(Symbol\('[su]\d+'(, \w+=True)*\)|\d+(\.\d+)?|[su]\d+|Integer|Max|Min|Mod|PythonMod|Pow|"
    r"FloorDiv|CleanDiv|CeilDiv|int_oo|oo|True|False|[-+*/%(),<>= ])*"
)
LARGEST_GRAPH = 256 * 2**20


def open_program(path: Path) -> tuple[nn.Module, tuple[int, ...]]:
    """The network with its layers under their own names, and the shape of what it takes.

    Where the file leaves a size open, it is 2 pictures and 224 pixels.
    """
    try:
        content = checked(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.export.load(io.BytesIO(content))
            return torch.export.unflatten(program), _shape(program)
    except RefusedFile:
        raise
    except Exception as error:  # torch's loader raises whatever its many parts raise
        raise RefusedFile(
            f"{path.name} cannot be read as a torch.export file. Export it again with this "
            f"version of torch ({torch.__version__.split('+')[0]}).",
            repr(error)[:500],
        ) from error


def _shape(program: torch.export.ExportedProgram) -> tuple[int, ...]:
    names = set(program.graph_signature.user_inputs)
    nodes = [one for one in program.graph.nodes if one.name in names]
    if len(nodes) != 1:
        return ()
    (node,) = nodes
    sizes = node.meta["val"].shape
    return tuple(n if isinstance(n, int) else (2 if i == 0 else 224) for i, n in enumerate(sizes))


def checked(path: Path) -> bytes:
    """A copy that holds tensors and a graph of plain operators; RefusedFile for anything else."""
    made = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(made, "w") as copy:
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise _refused(path, "it holds two files of one name")
        if any(name.endswith(("constants.pkl", "/data.pkl")) or "/code/" in name for name in names):
            raise RefusedFile(
                f"{path.name} is a TorchScript archive, a compiled program. "
                "Save the network with torch.export instead."
            )
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise _refused(path, "it is compressed, which torch never does")
            content = _checked_part(path, info.filename, archive, info)
            copy.writestr(zipfile.ZipInfo(info.filename), content)
    return made.getvalue()


def _checked_part(path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    inner = name.partition("/")[2]
    if inner.startswith("data/sample_inputs/"):
        return _no_samples()
    if inner.startswith("models/"):
        if info.file_size > LARGEST_GRAPH:
            raise _refused(path, "its graph is larger than any network's")
        graph = json.loads(archive.read(info))
        _check_graph(path, graph)
        graph["guards_code"] = []
        return json.dumps(graph).encode()
    if inner.startswith("data/") and inner.endswith("_config.json"):
        content = archive.read(info)
        for entry in json.loads(content)["config"].values():
            if entry["use_pickle"] or not re.fullmatch(r"(weight|tensor)_\d+", entry["path_name"]):
                raise _refused(path, "it holds objects that are no tensors")
        return content
    plain = r"data/(weights|constants)/(weight|tensor)_\d+|archive_format|archive_version"
    if re.fullmatch(plain + r"|\.data/\w+|byteorder|version", inner):
        return archive.read(info)
    raise _refused(path, f"it holds {inner[:40]!r}, which no network needs")


def _no_samples() -> bytes:
    """Torch wants example inputs; they are pickled, so ours take the place of the file's."""
    made = io.BytesIO()
    torch.save(((), {}), made)
    return made.getvalue()


def _check_graph(path: Path, value: Any, key: str = "") -> None:
    """Every operator plain, every formula plain; the rest are numbers and names."""
    if isinstance(value, dict):
        for name, item in value.items():
            _check_graph(path, item, name)
    elif isinstance(value, list):
        for item in value:
            _check_graph(path, item, key)
    elif isinstance(value, str):
        if key in ("target", "as_operator") and not _TARGET.fullmatch(value):
            raise _refused(path, f"its graph calls {value[:60]!r}")
        if key in ("expr_str", "as_expr") and not _FORMULA.fullmatch(value):
            raise _refused(path, f"it holds the formula {value[:60]!r}")


def _refused(path: Path, why: str) -> RefusedFile:
    return RefusedFile(
        f"{path.name} is not opened, because {why}. Export the network to ONNX instead."
    )
