"""Plain sentences about files that are not generators: what they are and what to do."""

from __future__ import annotations

from typing import Any, BinaryIO

from models.pickled import TensorRef
from models.unpickler import Forbidden

_PICTURE = "is a picture, not a model. Drop it where pictures go, or choose a model file."
_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"BM", _PICTURE),
    (b"II*\x00", _PICTURE),
    (b"MM\x00*", _PICTURE),
    (b"%PDF", "is a PDF document, not a model. Choose a model file."),
    (b"\x89HDF", "is an HDF5 file (Keras). Choose a StyleGAN or BigGAN file instead."),
    (b"GGUF", "is a language model (GGUF). Choose a StyleGAN or BigGAN file instead."),
    (b"SQLite format 3", "is a project or database, not a model. Open it as a project."),
    (b"\x1f\x8b", "is a gzip archive. Unpack it and choose the model file inside."),
    (b"7z\xbc\xaf", "is a 7-Zip archive. Unpack it and choose the model file inside."),
    (b"Rar!", "is a RAR archive. Unpack it and choose the model file inside."),
    (b"\x93NUMPY", "is a numpy array, not a model. Use it with --latents, or choose a model file."),
    (
        b"version https://git-lfs",
        "is only a Git LFS pointer; the model itself was not downloaded. Run `git lfs pull`.",
    ),
)


def refusal(file: BinaryIO, name: str) -> str:
    """A sentence when the content is plainly something else, empty when it may be a model."""
    start = file.read(4096)
    for magic, sentence in _STARTS:
        if start.startswith(magic):
            return f"{name} {sentence}"
    if not start:
        return f"{name} is empty. Copy or download it again."
    return _by_structure(start, name)


def _by_structure(start: bytes, name: str) -> str:
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return f"{name} {_PICTURE}"
    if start[:4] == b"RIFF" and start[8:12] == b"WAVE":
        return f"{name} is a sound, not a model. Choose a model file."
    if start[4:8] == b"ftyp":
        return f"{name} is a film or picture, not a model. Choose a model file."
    if start[4:8] == b"TFL3":
        return f"{name} is a TensorFlow Lite model. Choose a StyleGAN or BigGAN file instead."
    if start[257:262] == b"ustar":
        return f"{name} is a tar archive. Unpack it and choose the model file inside."
    if start.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html", b"<?xml")):
        return (
            f"{name} is a web page, not a model: the download gave a page instead of the file. "
            "Download it again with the browser."
        )
    # ModelProto: field 1 (ir_version) is a small varint, then producer or graph strings.
    if start[0] == 0x08 and len(start) > 3 and start[1] < 0x20 and start[2] in (0x12, 0x3A, 0x42):
        return (
            f"{name} is an ONNX graph, which cannot be steered by itself. "
            "Choose the .pkl, .pt or .safetensors file it was made from."
        )
    return ""


def forbidden(error: Forbidden, name: str) -> str:
    """The sentence for a pickle that mentions something outside the table."""
    if error.module.startswith(("dnnlib.tflib", "tfutil")):
        return (
            f"{name} is a StyleGAN file for TensorFlow. Convert it once with "
            "`legacy.py` of NVIDIA's stylegan3 repository, then choose the result."
        )
    if error.module.startswith("__torch__"):
        return (
            f"{name} is a TorchScript archive: a compiled program, not weights. "
            "Ask its author for the original .pkl or .pt checkpoint."
        )
    dotted = "".join(c if c.isprintable() else "?" for c in str(error))[:80]
    return (
        f"{name} asks to run `{dotted}`, which a picture model never needs. Nothing was run. "
        "Get the model from a source you trust, or ask its author for a .safetensors file."
    )


_FAMILIES: tuple[tuple[str, str], ...] = (
    ("generator.progression.", "a StyleGAN1 or ProGAN of rosinality's"),
    ("progression.", "a StyleGAN1 or ProGAN of rosinality's"),
    ("blocks.0.0.", "the discriminator of a BigGAN"),
    ("model.diffusion_model.", "a diffusion model"),
    ("first_stage_model.", "a diffusion model"),
    ("lora_", "a LoRA for a diffusion model"),
    ("convs.0.0.weight", "a discriminator"),
    ("b4.out.weight", "a discriminator"),
    ("encoder.", "an encoder"),
)


def unknown_weights(data: Any, name: str) -> str:
    """The sentence for data that was read safely but holds no generator we know."""
    keys = _keys(data)
    for prefix, what in _FAMILIES:
        if any(key.startswith(prefix) for key in keys):
            return (
                f"{name} holds {what}, which Lodestone cannot steer. "
                "Choose a StyleGAN2, StyleGAN3 or BigGAN file."
            )
    if keys:
        return (
            f"{name} holds weights, but not those of a generator Lodestone knows. "
            "Choose a StyleGAN2, StyleGAN3 or BigGAN file."
        )
    return f"{name} holds no model. Choose a StyleGAN2, StyleGAN3 or BigGAN file."


def _keys(data: Any) -> list[str]:
    """Names of tensors, two levels deep."""
    if not isinstance(data, dict):
        return []
    inner = [value for value in data.values() if isinstance(value, dict)]
    return [
        key.removeprefix("module.")
        for level in [data, *inner]
        for key, value in level.items()
        if isinstance(key, str) and isinstance(value, TensorRef)
    ]
