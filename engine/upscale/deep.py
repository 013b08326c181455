"""PNG and TIFF of 16 bits a channel, which Pillow would cut to 8. No torch.

Read by PyAV's decoders; written here. PNG after the W3C's Portable Network Graphics (3rd edition),
TIFF after TIFF 6.0 (deflate with horizontal differencing).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from engine.messages import LodestoneError

_CHANNELS = {"gray16": 1, "ya16": 2, "rgb48": 3, "rgba64": 4}
_STRIP = 64
"""Rows compressed together."""
_PNG_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
EXIF_TAGS = (270, 271, 272, 305, 306, 315, 316, 700, 33432, 33723, 34665, 34853)
"""Of a TIFF, what is about the picture and not about how it is stored."""


def read_deep(path: Path, codec: str) -> np.ndarray | None:
    """(H, W, C) uint16; None when this file is stored in a way that is not known.

    codec: `png` or `tiff`
    """
    import av
    from av.error import FFmpegError

    try:
        # `create` is typed for its own names of codecs.
        decoder: Any = av.CodecContext.create(codec, "r")
        frames = [*decoder.decode(av.Packet(path.read_bytes())), *decoder.decode(None)]
    except (FFmpegError, ValueError) as error:
        raise LodestoneError(
            f"{path.name} breaks off or is damaged. Choose another picture.", repr(error)
        ) from error
    if not frames:
        return None
    name = frames[0].format.name
    channels = _CHANNELS.get(name[:-2])
    if channels is None:
        return None
    plane = frames[0].planes[0]
    order = ">u2" if name.endswith("be") else "<u2"
    rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    values = np.ascontiguousarray(rows[:, : plane.width * channels * 2]).view(order)
    return values.reshape(plane.height, plane.width, channels).astype(np.uint16)


# ---------------------------------------------------------------- PNG


def write_png(
    file: BinaryIO, pixels: np.ndarray, icc: bytes, exif: bytes, dpi: tuple[float, float] | None
) -> None:
    """(H, W, C) uint16."""
    height, width, channels = pixels.shape
    file.write(b"\x89PNG\r\n\x1a\n")
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    _chunk(file, b"IHDR", head + bytes((16, _PNG_COLOURS[channels], 0, 0, 0)))
    if icc:
        _chunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))
    if dpi:
        metres = [max(1, round(one / 0.0254)).to_bytes(4, "big") for one in dpi]
        _chunk(file, b"pHYs", b"".join(metres) + b"\x01")
    if exif:
        _chunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
    _chunk(file, b"tEXt", b"Software\0Lodestone")
    packer = zlib.compressobj(6)
    for top in range(0, height, _STRIP):
        packed = packer.compress(_filtered(pixels[top : top + _STRIP]))
        if packed:
            _chunk(file, b"IDAT", packed)
    _chunk(file, b"IDAT", packer.flush())
    _chunk(file, b"IEND", b"")


def _filtered(rows: np.ndarray) -> bytes:
    """PNG's filter 1: every byte less the one a pixel to its left."""
    count, width, channels = rows.shape
    flat = np.ascontiguousarray(rows.astype(">u2")).view(np.uint8).reshape(count, -1)
    out = np.ones((count, flat.shape[1] + 1), np.uint8)
    out[:, 1:] = flat
    out[:, 1 + 2 * channels :] -= flat[:, : -2 * channels] if width > 1 else 0
    return out.tobytes()


def _chunk(file: BinaryIO, kind: bytes, content: bytes) -> None:
    file.write(len(content).to_bytes(4, "big") + kind + content)
    file.write(zlib.crc32(content, zlib.crc32(kind)).to_bytes(4, "big"))


# ---------------------------------------------------------------- TIFF


def write_tiff(
    file: BinaryIO, pixels: np.ndarray, icc: bytes, exif: Any, dpi: tuple[float, float] | None
) -> None:
    """(H, W, C) uint8 or uint16; `exif` is Pillow's.

    Not by Pillow: it cuts 16 bits to 8, and cannot write the EXIF details of a compressed TIFF.
    """
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    height, width, channels = pixels.shape
    strips = list(_strips(pixels))
    counts = [len(strip) for strip in strips]
    if sum(counts) >= 2**32 - 2**24:
        raise LodestoneError("The result is too large for a TIFF. Choose PNG.")
    tags = ImageFileDirectory_v2(b"II*\0\0\0\0\0")
    bits = 8 * pixels.dtype.itemsize
    tags[256], tags[257], tags[258] = width, height, (bits,) * channels
    tags[259], tags[262], tags[277] = 8, 2 if channels > 2 else 1, channels
    # Pillow counts these offsets from the end of the tags.
    offsets = np.cumsum([0, *counts[:-1]]).tolist()
    tags[273], tags[279], tags[278] = tuple(offsets), tuple(counts), _STRIP
    tags[284], tags[317], tags[339] = 1, 2, (1,) * channels
    tags[305] = "Lodestone"
    if channels in (2, 4):
        tags[338] = 2
    if dpi:
        tags[282], tags[283], tags[296] = float(dpi[0]), float(dpi[1]), 2
    if icc:
        tags[34675] = icc
    for tag in EXIF_TAGS:
        if tag in (34665, 34853):
            nested = exif.get_ifd(tag)
            if nested:
                tags[tag] = dict(nested)
        elif tag in exif:
            tags[tag] = exif[tag]
    file.write(b"II*\0\x08\0\0\0")
    file.write(tags.tobytes(8))
    file.writelines(strips)


def _strips(pixels: np.ndarray) -> Iterable[bytes]:
    for top in range(0, pixels.shape[0], _STRIP):
        rows = pixels[top : top + _STRIP].astype(pixels.dtype.newbyteorder("<"))
        rows[:, 1:] -= pixels[top : top + _STRIP, :-1]
        yield zlib.compress(rows.tobytes(), 6)
