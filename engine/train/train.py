"""`lodestone train`: a generator from a folder or zip of pictures, within a time budget.

The model file is written again at every checkpoint, so it can be steered while it trains and
after a cancel. The resumable state lies beside it (`NAME.training`, a folder); training again
with the same pictures and file goes on where it stopped.
"""

from __future__ import annotations

import os
import pickle
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from engine.messages import Picture, TrainRequest
from engine.progress import Cancelled, Progress
from engine.train.data import PictureSet, load_pictures
from engine.train.loop import Recipe, Trainer
from engine.train.networks import generator_config
from models.errors import LodestoneError
from models.files import Card, save_model

CHECKPOINT_SECONDS = 120.0
PREVIEW_SECONDS = 10.0
UNREADABLE = (
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    OSError,
    pickle.UnpicklingError,
)
"""What torch raises on a damaged or foreign state."""


def choose_device(wanted: str) -> str:
    """`auto`, `cpu` or `cuda` -> what will be used. Raises when CUDA is asked for and absent."""
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise LodestoneError(
            "CUDA was asked for, but this machine offers no CUDA device. Choose the CPU, or check "
            "the graphics driver."
        )
    return wanted


def train(request: TrainRequest, progress: Progress) -> str:
    """Run the training job; returns the path of the model file.

    Raises `LodestoneError` with a sentence for bad input, `Cancelled` after saving when the
    person stops it.
    """
    out = Path(request.out)
    if out.suffix != ".safetensors":
        out = out.with_name(out.name + ".safetensors")
    work = out.with_name(out.stem + ".training")
    _make_folder(work)
    device = choose_device(request.device)
    pictures = load_pictures(
        Path(request.data),
        request.resolution,
        work / "pictures.u8",
        progress.part(0.0, 0.02),
        request.conditional,
        Path(request.labels) if request.labels else None,
    )
    trainer = _trainer(request, pictures, device)
    _resume(trainer, work / "state.pt", request)
    try:
        _run(trainer, request, out, work, progress.part(0.02, 0.98))
    except Cancelled:
        _save(trainer, request, out, work)
        raise
    _save(trainer, request, out, work)
    return str(out)


def _make_folder(work: Path) -> None:
    try:
        work.mkdir(parents=True, exist_ok=True)
        probe = work / "probe.part"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise LodestoneError(
            f"The folder {work.parent} cannot be written to ({error.strerror}). Choose another "
            "place for the model."
        ) from error


def _trainer(request: TrainRequest, pictures: PictureSet, device: str) -> Trainer:
    if device == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
    try:
        c_dim = len(pictures.class_names)
        config = generator_config(request.size, request.resolution, c_dim, 3)
    except ValueError as error:
        raise LodestoneError(f"This size cannot be trained: {error}.") from error
    recipe = Recipe() if device == "cpu" else Recipe(batch=64, ema_pictures=20_000.0)
    recipe = replace(recipe, batch=min(recipe.batch, len(pictures)), noise=request.noise)
    return Trainer(config, pictures, recipe, request.seed, device)


def _resume(trainer: Trainer, path: Path, request: TrainRequest) -> None:
    if path.exists():
        try:
            state = torch.load(path, map_location=trainer.device, weights_only=True)
            trainer.load_state(state)
        except UNREADABLE as error:
            raise LodestoneError(
                f"The training state in {path.parent.name} does not belong to these pictures and "
                "settings. Choose another file name, or move that folder away to start afresh.",
                detail=str(error),
            ) from error
    trainer.counts.planned_seconds = max(
        trainer.counts.planned_seconds, trainer.counts.seconds + request.minutes * 60.0
    )


def _run(
    trainer: Trainer, request: TrainRequest, out: Path, work: Path, progress: Progress
) -> None:
    counts = trainer.counts
    begun, budget = counts.seconds, request.minutes * 60.0
    saved = shown = time.monotonic()
    while counts.seconds - begun < budget:
        share = counts.seconds / counts.planned_seconds
        progress.check()
        tick = time.monotonic()
        trainer.step(share)
        now = time.monotonic()
        counts.seconds += now - tick
        preview = None
        if now - shown > PREVIEW_SECONDS or counts.steps == 1:
            preview, shown = sheet(trainer), now
        phase = "Sketching" if share < trainer.recipe.sketch_share else "Refining"
        progress(
            (counts.seconds - begun) / budget,
            f"{phase} at {counts.resolution} px, {counts.pictures:,} pictures seen",
            preview,
            tuple(trainer.figures.items()),
        )
        if now - saved > CHECKPOINT_SECONDS:
            _save(trainer, request, out, work)
            saved = now


def sheet(trainer: Trainer, rows: int = 4, columns: int = 4) -> Picture:
    """Samples of the averaged generator side by side, as a preview."""
    x = trainer.samples(rows * columns, trainer.counts.resolution)
    x = ((x.float().cpu() + 1.0) * 127.5).clamp(0, 255).byte()
    size = x.shape[2]
    grid = x.reshape(rows, columns, 3, size, size).permute(0, 3, 1, 4, 2)
    rgb = grid.reshape(rows * size, columns * size, 3).numpy()
    bgrx = np.full((*rgb.shape[:2], 4), 255, dtype=np.uint8)
    bgrx[..., :3] = rgb[..., ::-1]
    return Picture.of(bgrx)


def _save(trainer: Trainer, request: TrainRequest, out: Path, work: Path) -> None:
    trainer.average.mapping.w_avg.copy_(trainer.centres())
    state = {
        name: tensor.detach().to("cpu", torch.float32).contiguous().numpy()
        for name, tensor in trainer.average.state_dict().items()
    }
    save_model(out, state, _card(trainer, request, out))
    part = work / "state.pt.part"
    try:
        torch.save(trainer.state(), part)
        os.replace(part, work / "state.pt")
    except (OSError, RuntimeError) as error:
        part.unlink(missing_ok=True)
        raise LodestoneError(
            f"The training state could not be saved in {work}: {error}. The model file itself is "
            "safe. Free some space and train again to go on."
        ) from error


def _card(trainer: Trainer, request: TrainRequest, out: Path) -> Card:
    counts = trainer.counts
    device = torch.cuda.get_device_name() if trainer.device.type == "cuda" else "CPU"
    source = Path(request.data).name
    provenance = (
        f"Trained by Lodestone on a {device} for {counts.seconds / 60:.0f} minutes on "
        f"{len(trainer.pictures):,} pictures of {source}; saw {counts.pictures:,} pictures, "
        f"the last at {counts.resolution} px."
    )
    return Card(
        architecture="stylegan2",
        name=request.name or out.stem,
        hyper=asdict(trainer.config),
        class_names=trainer.pictures.class_names,
        licence=request.licence,
        attribution=request.attribution,
        provenance=provenance,
        training={
            "device": device,
            "minutes": round(counts.seconds / 60, 1),
            "pictures_seen": counts.pictures,
            "steps": counts.steps,
            "pictures": len(trainer.pictures),
            "recipe": asdict(trainer.recipe),
            "augmentation_p": round(counts.p, 4),
        },
    )
