"""`lodestone upscale train | fit`: FREDSR from a folder of pictures, within a time budget.

What resumes lies in `NAME.training` beside the card: training again with the same folder and name
goes on. A fit is kept only when it is better than what it began from on the pictures kept apart.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from engine.backend import available_cores
from engine.messages import Picture, UpscaleTrainRequest
from engine.progress import Cancelled, Progress
from engine.train.train import UNREADABLE, choose_device
from engine.upscale.graph import graph
from engine.upscale.store import ARCHITECTURE, graph_path, plain, save
from engine.upscale.train.begin import Begun, begin
from engine.upscale.train.data import FITTED, MARGIN, Patches, Pictures, read_pictures
from engine.upscale.train.judge import Judged, judge, shrunk
from engine.upscale.train.loop import FIDELITY, FIT, TRANSFER, VIVID, Recipe, Trainer
from models.errors import LodestoneError
from models.files import Card, write_atomically
from models.fredsr import BLOCK, Fredsr

CHECKPOINT_SECONDS = 60.0
PREVIEW_SECONDS = 8.0
JUDGED_SIDE = 5
"""Pictures at most that are looked at while training."""


def train(request: UpscaleTrainRequest, progress: Progress) -> str:
    """Run the job; returns the path of the card. What was learnt survives a cancel."""
    if not request.seconds > 0:
        raise LodestoneError("Give a budget above 0 seconds.")
    if request.scale not in (2, 3, 4):
        raise LodestoneError("FREDSR enlarges 2, 3 or 4 times. Choose one of these scales.")
    out = Path(request.out)
    if out.suffix != ".safetensors":
        out = out.with_name(out.name + ".safetensors")
    device = torch.device(choose_device(request.device))
    if device.type == "cpu":
        # One core is the window's.
        torch.set_num_threads(max(1, available_cores() - 1))
    torch.manual_seed(request.seed)
    begun = begin(request)
    config = begun.net.config
    recipe = recipe_for(request.vivid, begun)
    smallest = recipe.side * config.scale + 2 * MARGIN
    pictures = read_pictures(request.data, smallest, progress.part(0.0, 0.02))
    mix = FITTED if begun.fit and not request.vivid else None
    patches = Patches(pictures, config.scale, recipe.side, request.seed, mix)
    known = begun.net if begun.source else None
    trainer = Trainer(config, patches, recipe, request.seed, device, known)
    job = _Job(request, out, trainer, pictures, begun)
    job.run(progress.part(0.02, 0.98))
    return str(out)


def recipe_for(vivid: bool, begun: Begun) -> Recipe:
    if vivid:
        return VIVID
    if begun.fit:
        return FIT
    return TRANSFER if begun.source else FIDELITY


@dataclass
class _Job:
    """The clock, the files and the reports around a trainer."""

    request: UpscaleTrainRequest
    out: Path
    trainer: Trainer
    pictures: Pictures
    begun: Begun
    elapsed: float = 0.0
    """Seconds of training so far, also those before a resume."""

    def __post_init__(self) -> None:
        self.folder = self.out.with_name(self.out.stem + ".training")
        self.scale = self.trainer.config.scale
        apart = self.pictures.apart[:JUDGED_SIDE]
        self.apart = tuple(apart)
        self.before = self._judged(self.begun.net) if self.begun.fit else None

    def run(self, progress: Progress) -> None:
        self._resume(progress)
        saved = shown = time.monotonic()
        last = time.monotonic()
        try:
            while self.elapsed < self.request.seconds:
                share = self.elapsed / self.request.seconds
                self.trainer.step(share)
                now = time.monotonic()
                # A paused job's clock stands still.
                self.elapsed, last = self.elapsed + min(now - last, 5.0), now
                if now - shown > PREVIEW_SECONDS:
                    shown = now
                    progress(share * 0.97, self._words(), self._preview(), self._figures())
                if now - saved > CHECKPOINT_SECONDS:
                    saved = now
                    self._checkpoint()
                progress.check()
        except Cancelled:
            self._checkpoint()
            raise
        self._finish(progress)

    def _words(self) -> str:
        return f"Step {self.trainer.steps:,}"

    def _figures(self) -> tuple[tuple[str, float], ...]:
        return (("loss", round(self.trainer.loss, 5)),)

    # ------------------------------------------------------------ looking

    def _judged(self, net: Fredsr) -> Judged:
        return judge(self.apart, self.scale, lambda small: enlarged(net, small))

    def _preview(self) -> Picture:
        """Plain, made and true, side by side: the middle of a picture kept apart."""
        picture = self.apart[0]
        side = 48 * self.scale
        top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
        large = picture[max(top, 0) : max(top, 0) + side, max(left, 0) : max(left, 0) + side]
        large = large[: large.shape[0] // self.scale * self.scale]
        large = large[:, : large.shape[1] // self.scale * self.scale]
        small = shrunk(large, self.scale)
        base = plain(small, self.scale)
        made = enlarged(self.trainer.average(), small)
        row = np.concatenate([base, made, large / np.float32(255)], axis=1)
        bgrx = np.full((*row.shape[:2], 4), 255, np.uint8)
        bgrx[..., :3] = np.rint(row.clip(0, 1) * 255)[..., ::-1]
        return Picture.of(bgrx)

    # ------------------------------------------------------------ keeping

    def _digest(self) -> str:
        """Another folder or another recipe is another training."""
        began = self.request.base or self.begun.source
        facts = (self.pictures.names, self.trainer.config, self.trainer.recipe, began)
        return hashlib.sha256(repr(facts).encode()).hexdigest()

    def _checkpoint(self) -> None:
        state = {"elapsed": self.elapsed, "digest": self._digest(), **self.trainer.state()}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            part = self.folder / "state.pt.part"
            torch.save(state, part)
            part.replace(self.folder / "state.pt")
        except (OSError, RuntimeError) as error:  # torch turns a full disk into a RuntimeError
            raise LodestoneError(
                f"What was learnt could not be saved beside {self.out.name}. Free some space or "
                "choose another place.",
                repr(error),
            ) from error

    def _resume(self, progress: Progress) -> None:
        file = self.folder / "state.pt"
        if not file.is_file():
            return
        try:
            state = torch.load(file, map_location=self.trainer.device, weights_only=True)
            if state["digest"] != self._digest():
                raise ValueError("another folder or recipe")
            self.trainer.load(state)
            self.elapsed = float(state["elapsed"])
        except UNREADABLE as error:
            raise LodestoneError(
                f"The unfinished training of {self.out.name} cannot be gone on with: other "
                "pictures or settings, or a damaged file. Choose another name, or delete "
                f"{self.folder.name}.",
                repr(error),
            ) from error
        progress(0.0, "Going on with the unfinished training of this name")

    def _finish(self, progress: Progress) -> None:
        net = self.trainer.average().cpu()
        after = self._judged(net)
        if self.before is not None and self._worse(after):
            progress(0.99, f"Not better than before ({after.model:.2f} dB): kept as it was")
            net = self.begun.net
        state = {name: tensor.numpy().copy() for name, tensor in net.state_dict().items()}
        card = Card(
            architecture=ARCHITECTURE,
            name=self.request.name or self.out.stem,
            hyper=asdict(net.config),
            provenance=self._provenance(),
            training=self._facts(after),
        )
        content = graph(net.config, state)
        write_atomically(graph_path(self.out), content)
        save(self.out, state, card, content)
        (self.folder / "state.pt").unlink(missing_ok=True)
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _worse(self, after: Judged) -> bool:
        assert self.before is not None
        return not self.request.vivid and after.model <= self.before.model

    def _provenance(self) -> str:
        where = "CPU" if self.trainer.device.type == "cpu" else torch.cuda.get_device_name()
        began = f" It began from {self.begun.source}." if self.begun.source else ""
        return (
            f"Trained by Lodestone on a {where} in {self.elapsed:.0f} seconds on "
            f"{len(self.pictures.names)} pictures.{began}"
        )

    def _facts(self, after: Judged) -> dict[str, object]:
        recipe: Recipe = self.trainer.recipe
        facts: dict[str, object] = {
            "device": self.trainer.device.type,
            "seconds": round(self.elapsed, 1),
            "steps": self.trainer.steps,
            "pictures": list(self.pictures.names[:50]),
            "apart": len(self.pictures.apart),
            "psnr": {key: round(value, 3) for key, value in asdict(after).items()},
            "recipe": asdict(recipe),
            "mix": asdict(self.trainer.patches.mix),
            "vivid": self.request.vivid,
        }
        if self.begun.source:
            facts["began"] = self.begun.source
        if self.before is not None:
            facts["before"] = round(self.before.model, 3)
            facts["kept"] = not self._worse(after)
        return facts


@torch.no_grad()
def enlarged(net: Fredsr, small: np.ndarray) -> np.ndarray:
    """(h, w, 3) 0..1 -> (h·s, w·s, 3): the whole picture at once, framed as `engine.upscale`."""
    height, width = small.shape[:2]
    around = [(BLOCK, BLOCK - n % -BLOCK) for n in (height, width)]
    wide = np.pad(small, (*around, (0, 0)), mode="edge")
    device = next(net.parameters()).device
    x = torch.from_numpy(np.ascontiguousarray(wide.transpose(2, 0, 1))[None]).to(device)
    scale = net.config.scale
    begin = BLOCK * scale
    rows, columns = (slice(begin, begin + n * scale) for n in (height, width))
    added = net(x)[0, :, rows, columns].cpu().numpy()
    return plain(small, scale) + added.transpose(1, 2, 0)
