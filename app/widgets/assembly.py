"""Pieces laid on a picture: cut out of it, placed, and made into one composite with its mask."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QTransform

from app.composed import Piece
from engine.client import filled
from engine.messages import Picture

MASK_SIDE = 512
"""Longest side of the mask that goes to the engine, pixels."""
FILLED_AT = 32
"""Pixels of the shorter side at which an empty place is filled: the engine only takes hints."""
FAINT = 16
"""Alpha, 0..255, below which nothing is there."""
SMALLEST = 6
"""Pixels: a smaller scrap is a slip of the hand."""
_SOFT = Qt.TransformationMode.SmoothTransformation
_STRAIGHT = QImage.Format.Format_ARGB32
_LAYER = QImage.Format.Format_ARGB32_Premultiplied


def picture_of(image: QImage) -> Picture:
    """B G R A bytes of any image."""
    return Picture.of(pixels_of(image, _STRAIGHT))


def pixels_of(image: QImage, kind: QImage.Format = QImage.Format.Format_RGB32) -> np.ndarray:
    """(H, W, 4) uint8, BGRX unless another kind is wanted; a copy."""
    made = image.convertToFormat(kind)
    raw = np.frombuffer(made.constBits(), np.uint8)
    return raw.reshape(made.height(), made.width(), 4).copy()


def image_of(pixels: np.ndarray, kind: QImage.Format = QImage.Format.Format_RGB32) -> QImage:
    """(H, W, 4) uint8 as an image that owns its pixels."""
    height, width = pixels.shape[:2]
    data = np.ascontiguousarray(pixels)
    return QImage(data.data, width, height, 4 * width, kind).copy()  # pyright: ignore


@functools.lru_cache(maxsize=12)
def layer_of(picture: Picture, halvings: int = 0) -> QImage:
    """A piece's picture, with alpha, at 1/2 ** `halvings` of its size."""
    if halvings == 0:
        return image_of(picture.array(), _STRAIGHT).convertToFormat(_LAYER)
    fine = layer_of(picture, halvings - 1)
    width, height = max(fine.width() // 2, 1), max(fine.height() // 2, 1)
    return fine.scaled(width, height, mode=_SOFT)


def paint_piece(painter: QPainter, piece: Piece, place: QTransform, size: float) -> None:
    """`place` maps its own pixels; one of them becomes `size` wide, so that none is skipped."""
    halvings = 0
    while size * 2**halvings <= 0.5 and halvings < 8:
        halvings += 1
    image = layer_of(piece.picture, halvings)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setTransform(place, True)
    painter.drawImage(QRectF(0, 0, piece.picture.width, piece.picture.height), image)
    painter.restore()


def placing(piece: Piece, width: float, height: float) -> QTransform:
    """The piece's own pixels → a picture of this size, in which the source is `width` wide."""
    made = QTransform()
    made.translate(piece.x * width, piece.y * height)
    made.rotate(piece.turn)
    made.scale(-piece.scale if piece.flipped else piece.scale, piece.scale)
    made.translate(-piece.picture.width / 2, -piece.picture.height / 2)
    return made


# ---------------------------------------------------------------- cutting out


def lifted(source: QImage, mask: np.ndarray, cut: bool) -> Piece | None:
    """What (h, w) 0..1 of any size covers of the source; None when that is next to nothing."""
    cover = image_of_mask(mask).scaled(source.size(), mode=_SOFT)
    alpha = pixels_of(cover, _STRAIGHT)[..., 3]
    # The breath that a soft eraser leaves is no part.
    alpha[alpha < FAINT] = 0
    if (alpha > 127).sum() < SMALLEST**2:
        return None
    box = _box_of(alpha > 0)
    pixels = pixels_of(source)
    pixels[..., 3] = alpha
    x = (box[1].start + box[1].stop) / 2 / source.width()
    y = (box[0].start + box[0].stop) / 2 / source.height()
    return Piece(Picture.of(pixels[box]), x, y, home=(x, y), cut=cut)


def cover_of(pieces: Sequence[Piece], source: QImage, longest: int = MASK_SIDE) -> np.ndarray:
    """(h, w) 0..1: where the pieces lie; of the source's shape, at most `longest` a side."""
    scale = min(longest / max(source.width(), source.height()), 1.0)
    width = max(round(source.width() * scale), 1)
    height = max(round(source.height() * scale), 1)
    layer = QImage(width, height, _LAYER)
    layer.fill(0)
    painter = QPainter(layer)
    for piece in pieces:
        own = placing(piece, source.width(), source.height())
        place = own * QTransform.fromScale(scale, scale)
        paint_piece(painter, piece, place, piece.scale * scale)
    painter.end()
    return pixels_of(layer, _LAYER)[..., 3].astype(np.float32) / 255.0


def trimmed(piece: Piece, mask: np.ndarray, source: QImage, away: bool = False) -> Piece | None:
    """What is left of a piece within a mask over the source (`away`: without it)."""
    cover = image_of_mask(mask).scaled(source.size(), mode=_SOFT)
    back, good = placing(piece, source.width(), source.height()).inverted()
    layer = QImage(piece.picture.width, piece.picture.height, _LAYER)
    layer.fill(0)
    painter = QPainter(layer)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setTransform(back)
    painter.drawImage(0, 0, cover)
    painter.end()
    share = pixels_of(layer, _LAYER)[..., 3].astype(np.float32) / 255.0
    pixels = piece.picture.array().copy()
    own = pixels[..., 3].astype(np.float32)
    alpha = np.maximum(own - 255 * share, 0) if away else own * share
    pixels[..., 3] = np.rint(alpha).astype(np.uint8)
    if not good or (alpha > 127).sum() < SMALLEST**2:
        return None
    box = _box_of(alpha >= FAINT)
    # What is left stays where it is: the middle of the smaller box becomes its place.
    middle = QPointF((box[1].start + box[1].stop) / 2, (box[0].start + box[0].stop) / 2)
    place = placing(piece, source.width(), source.height()).map(middle)
    x, y = place.x() / source.width(), place.y() / source.height()
    return replace(piece, picture=Picture.of(pixels[box]), x=x, y=y)


def _box_of(inside: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of (H, W) bool, which holds something."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def image_of_mask(mask: np.ndarray) -> QImage:
    """White, as opaque as the mask (h, w) 0..1 says."""
    value = np.rint(np.clip(mask, 0, 1) * 255).astype(np.uint8)
    return image_of(np.repeat(value[..., None], 4, axis=-1), _LAYER)


# ---------------------------------------------------------------- putting together


def holes(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces where they came from, of those that left an empty place."""
    left = [piece for piece in pieces if piece.cut and piece.moved and piece.home is not None]
    return tuple(
        replace(p, x=p.home[0], y=p.home[1], scale=1.0, turn=0.0, flipped=False, home=None)
        for p in left
        if p.home is not None
    )


def ground_of(source: QImage, pieces: Sequence[Piece]) -> QImage:
    """The source with its empty places filled from around them, as a hint to the engine."""
    empty = holes(pieces)
    made = source.copy()
    if not empty:
        return made
    patch = QImage(source.size(), _LAYER)
    patch.fill(0)
    painter = QPainter(patch)
    reach = max(2, round(0.01 * max(source.width(), source.height())))
    for piece in empty:
        image = layer_of(piece.picture)
        at = placing(piece, source.width(), source.height()).map(QPointF(0, 0))
        # A little wider than what was cut: its soft edge would stay as a halo.
        for dx, dy in (
            (0, 0),
            (1, 0),
            (-1, 0),
            (0, 1),
            (0, -1),
            (1, 1),
            (-1, -1),
            (1, -1),
            (-1, 1),
        ):
            painter.drawImage(at + QPointF(dx * reach, dy * reach), image)
    painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_SourceIn)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.drawImage(QRectF(made.rect()), _filled(source, patch))
    painter.end()
    painter = QPainter(made)
    painter.drawImage(0, 0, patch)
    painter.end()
    return made


def _filled(source: QImage, patch: QImage) -> QImage:
    """The source, small, with what the patch covers made up."""
    scale = min(FILLED_AT / min(source.width(), source.height()), 1.0)
    width = max(round(source.width() * scale), 1)
    height = max(round(source.height() * scale), 1)
    hole = pixels_of(patch.scaled(width, height, mode=_SOFT), _LAYER)[..., 3] > 12
    small = pixels_of(source.scaled(width, height, mode=_SOFT))
    known = filled(small[..., :3].astype(np.float32) / 127.5 - 1, hole)
    small[..., :3] = np.clip((known + 1) * 127.5, 0, 255)
    return image_of(small)


def composed(ground: QImage, pieces: Sequence[Piece]) -> QImage:
    """The moved pieces on the ground, bottom first."""
    made = ground.copy()
    painter = QPainter(made)
    for piece in pieces:
        if piece.moved:
            place = placing(piece, made.width(), made.height())
            paint_piece(painter, piece, place, piece.scale)
    painter.end()
    return made


def changed(source: QImage, pieces: Sequence[Piece]) -> np.ndarray | None:
    """(h, w) 0..1: where anything is another one; None when nothing is."""
    moved = [piece for piece in pieces if piece.moved]
    cover = cover_of([*moved, *holes(pieces)], source) if moved else None
    # A breath of a soft edge at the border of the picture is no change.
    return cover if cover is not None and (cover > 0.2).sum() >= 4 else None
