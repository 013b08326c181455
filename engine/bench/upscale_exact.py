"""What has to hold whatever was learnt: Fourier units, ONNX, tiles, colours, depth, fringes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from engine.bench.figure import Figure, at_least, at_most, missing
from engine.messages import UpscaleSettings
from engine.upscale.enlarge import enlarge
from engine.upscale.files import read_picture
from engine.upscale.graph import graph
from engine.upscale.opened import open_upscaler
from engine.upscale.resample import apply, matrix
from engine.upscale.shelf import heads
from engine.upscale.store import config_of, plain
from models.files import load_model
from models.fredsr_shape import BLOCK

samples = Path(__file__).parents[2] / "assets" / "samples"
SETTINGS = UpscaleSettings("fredsr", 3, device="cpu")
FORBIDDEN = {"DFT", "STFT", "Resize", "Upsample"}


def measures() -> Iterator[Figure]:
    """On the bundled model and pictures; some seconds."""
    yield _fourier()
    known = heads("fredsr")
    if 3 not in known:
        yield missing("FREDSR x3", "", None, "the bundled upscaler is not here")
        return
    for name in ("fredsr", "fredsr-vivid"):
        for scale, path in heads(name).items():
            yield from _graph(f"{name} x{scale}", path)
    yield from _tiles()
    yield from _colours()
    yield _ramp()
    yield from _fringe()


def photograph() -> np.ndarray:
    """(H, W, 3) uint8: a bundled one, or grain and edges where there is none."""
    found = sorted(samples.glob("*.jpg"))
    if found:
        return read_picture(found[0]).pixels[:240, :320]
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:240, 0:320] / 40
    wave = 128 + 60 * np.sin(columns) * np.cos(rows) + 30 * (columns > rows)
    return (wave[..., None] + random.normal(0, 8, (240, 320, 3))).clip(0, 255).astype(np.uint8)


def _fourier() -> Figure:
    """A unit's matrices against torch.fft of every block, by itself."""
    import torch

    from models.fredsr import FourierUnit

    torch.manual_seed(0)
    unit = FourierUnit(4)
    x = torch.randn(2, 4, 5 * BLOCK, 7 * BLOCK)
    blocks = x.reshape(2, 4, 5, BLOCK, 7, BLOCK).permute(0, 1, 2, 4, 3, 5)
    waves = torch.fft.rfft2(blocks, norm="ortho")
    theirs = torch.view_as_real(waves).flatten(-3).flatten(4)
    ours = torch.einsum("fp,ncrsp->ncrsf", unit.there, blocks.flatten(-2))
    again = torch.einsum("pf,ncrsf->ncrsp", unit.back, ours)
    worst = max(float((ours - theirs).abs().max()), float((again - blocks.flatten(-2)).abs().max()))
    return at_most("Fourier unit against torch.fft, and back", worst, "", 1e-5)


def _graph(name: str, path: Path) -> Iterator[Figure]:
    """What ONNX Runtime makes of pictures of odd sizes, against torch at one go."""
    import torch

    from engine.upscale.train.train import enlarged
    from models.fredsr import Fredsr

    card, state = load_model(path)
    config = config_of(card.hyper)
    net = Fredsr(config).eval()
    net.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in state.items()}, strict=False)
    settings = UpscaleSettings(str(path), config.scale, device="cpu")
    worst, photo = 0.0, photograph().astype(np.float32) / 255
    for size in ((1, 1), (7, 9), (61, 83), (101, 45)):
        part = photo[: size[0], : size[1]]
        ours = enlarge(part, open_upscaler(settings), settings)
        worst = max(worst, float(np.abs(ours - enlarged(net, part).clip(0, 1)).max()))
    yield at_most(f"{name}: torch against ONNX at odd sizes", worst, "", 1e-4)
    kinds = {node.op_type for node in onnx.load_from_string(graph(config, state)).graph.node}
    yield at_most(f"{name}: DFT or Resize nodes", len(kinds & FORBIDDEN), "", 0)


def _tiles() -> Iterator[Figure]:
    rows, columns = np.mgrid[0:120, 0:168].astype(np.float32)
    smooth = np.stack([columns / 167, rows / 119, (rows + columns) / 286], axis=2)
    photo = photograph()[:130, :150].astype(np.float32) / 255
    upscaler = open_upscaler(SETTINGS)
    for name, picture in (("a photograph", photo), ("a smooth gradient", smooth)):
        whole = enlarge(picture, upscaler, replace(SETTINGS, tile=1024))
        worst = max(
            float(np.abs(enlarge(picture, upscaler, replace(SETTINGS, tile=side)) - whole).max())
            for side in (32, 72)
        )
        yield at_most(f"tiles against the whole, {name}", 255 * worst, "/255", 1)


def _colours() -> Iterator[Figure]:
    upscaler, photo = open_upscaler(SETTINGS), photograph()
    large = enlarge(photo, upscaler, SETTINGS)
    shift = np.abs(large.mean((0, 1)) - photo.mean((0, 1))).max()
    yield at_most("mean colour shift of a photograph", float(shift), "/255", 0.5)
    mixed = [(level, 255 - level, level) for level in range(0, 256, 15)]
    pure = [(a, b, c) for a in (0, 255) for b in (0, 255) for c in (0, 255)]
    for name, colours in (("flat colours stay", mixed), ("flat pure colours stay", pure)):
        worst = 0.0
        for colour in colours:
            made = enlarge(np.full((24, 40, 3), colour, np.uint8), upscaler, SETTINGS)
            worst = max(worst, float(np.abs(made.astype(float) - colour).max()))
        yield at_most(name, worst, "/255", 0)
    none = enlarge(photo.astype(np.float32) / 255, upscaler, replace(SETTINGS, strength=0.0))
    base = plain(photo.astype(np.float32) / 255, 3).clip(0, 1)
    yield at_most("strength 0 against the base", float(np.abs(none - base).max()), "", 0)


def _ramp() -> Figure:
    ramp = np.linspace(0, 65535, 16 * 1024).astype(np.uint16).reshape(16, 1024)
    made = enlarge(np.stack([ramp] * 3, axis=2), open_upscaler(SETTINGS), SETTINGS)
    return at_least("levels of a 16-bit ramp", len(np.unique(made)), "", 10_001)


def _fringe() -> Iterator[Figure]:
    """A disc that is wildly green where it cannot be seen, enlarged and laid on a ground.

    What shows is between the ground and the disc's own colours; how far outside is the fringe.
    """
    side = 96
    rows, columns = np.mgrid[0 : 8 * side, 0 : 8 * side] / 8 - side / 2
    average = matrix(side, 8 * side, 8, "area")
    disc = (np.hypot(rows, columns) < 30).astype(np.float32)
    alpha = np.rint(255 * apply(disc, average, average)).astype(np.uint8)
    colour = np.full((side, side, 3), (200, 60, 90), np.uint8)
    colour[..., 2] += np.arange(side, dtype=np.uint8)
    hidden = np.where(alpha[..., None] > 0, colour, np.array([0, 255, 0], np.uint8))
    made = enlarge(np.dstack([hidden, alpha]), open_upscaler(SETTINGS), SETTINGS).astype(float)
    share, own = made[..., 3:] / 255, colour.reshape(-1, 3)
    for name, ground in (("black", (0, 0, 0)), ("white", (255,) * 3), ("magenta", (255, 0, 255))):
        laid = share * made[..., :3] + (1 - share) * np.array(ground)
        low, high = np.minimum(own.min(0), ground), np.maximum(own.max(0), ground)
        outside = max(float((low - laid).max()), float((laid - high).max()), 0.0)
        yield at_most(f"transparency: fringe on {name}", outside, "/255", 2)
