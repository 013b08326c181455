"""The open generators of the live engine, and how it draws with them. Imports no torch itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from pathlib import Path

import numpy as np

from engine import paths
from engine.graphs import find_files
from engine.inspect.answers import InspectQuestion
from engine.inspect.answers import answer as answer_inspect
from engine.library import Library
from engine.messages import (
    LodestoneError,
    MatterQuestion,
    ModelInfo,
    ModelOpened,
    Picture,
    PictureQuestion,
    Question,
    Reply,
    SoundQuestion,
    SteerRequest,
    UpscaleQuestion,
    UpscaleSourceQuestion,
)
from engine.progress import Progress
from engine.runtime import Runtime, open_runtime
from engine.server import NeedsImport
from engine.steer.answers import answer, model_of
from engine.steer.directions import sefa
from engine.steer.render import render_into
from models import files

_KEPT = 3
"""Generators kept open: the one on the canvas and those of the start screen."""


class Studio:
    """Opens generators by name or id and draws requests. One thread."""

    def __init__(self, device: str = "auto"):
        self._device = device
        self._library = Library(paths.home())
        self._open: OrderedDict[str, Runtime] = OrderedDict()
        self._current = ""
        self._said = ""
        self._known_notices: dict[str, str] = {}

    def warm_up(self) -> None:
        """Import what the first picture needs while the window is still being built."""
        import onnxruntime

        onnxruntime.get_available_providers()

    def models(self) -> tuple[ModelInfo, ...]:
        return self._library.models()

    def open(self, name: str, progress: Progress, prepared: bool) -> ModelOpened:
        """`prepared` is False on the first try: what needs torch is better done by a job."""
        path = Path(name).expanduser()
        if not prepared and path.is_file() and not files.is_safetensors(path):
            raise NeedsImport(str(path.absolute()))
        info = self._library.find(name, progress)
        if not prepared and find_files(info) is None:
            raise NeedsImport(info.path)
        runtime = self._runtime_of(info, progress)
        self._current = info.id
        # The first picture of a session costs several times the second: not under the hand.
        self.draw(SteerRequest(model=info.id), np.empty(self._shape(info), np.uint8))
        return ModelOpened(info, sefa(runtime), runtime.provider)

    def shape(self, request: SteerRequest) -> tuple[int, int, int]:
        return self._shape(self._runtime(request).info)

    def draw(self, request: SteerRequest, out: np.ndarray) -> str:
        """Write (H, W, 4) BGRX into `out`; returns what computed it."""
        runtime = self._runtime(request)
        render_into(request, runtime, out)
        if runtime.notice != self._known_notices.get(runtime.info.id, ""):
            self._said = self._known_notices[runtime.info.id] = runtime.notice
        return runtime.provider

    def thumbnail(self, request: SteerRequest, size: int) -> Picture:
        out = np.empty(self.shape(request), np.uint8)
        self.draw(request, out)
        return Picture.of(shrink(out, size))

    def answer(self, question: Question) -> Generator[Reply | None, None, Reply]:
        """Work on a question in slices of about one picture; see `engine.steer.answers`."""
        if isinstance(question, PictureQuestion):
            from engine.picture.answers import draw

            return draw(question.recipe)
        if isinstance(question, SoundQuestion):
            from engine.sound.answers import draw as draw_sound

            return draw_sound(question.recipe)
        if isinstance(question, MatterQuestion):
            from engine.picture.matter import nearest_patches

            return nearest_patches(question)
        if isinstance(question, UpscaleQuestion):
            from engine.upscale.answers import enlarged

            return enlarged(question)
        if isinstance(question, UpscaleSourceQuestion):
            from engine.upscale.answers import looked_at

            return looked_at(question)
        if isinstance(question, InspectQuestion):
            return self._look_inside(question)
        return answer(question, self._runtime(SteerRequest(model=model_of(question))))

    def _look_inside(self, question: InspectQuestion) -> Generator[Reply | None, None, Reply]:
        """Whoever looks at units soon turns one: the first toggle should not wait for its graph."""
        if self._current in self._open:
            yield None
            self._open[self._current].warm_turns()
        return (yield from answer_inspect(question, self))

    def runtime(self, request: SteerRequest) -> Runtime:
        """The open generator that draws `request`."""
        return self._runtime(request)

    def notice(self) -> str:
        """A sentence when a generator runs otherwise than asked, said once."""
        said, self._said = self._said, ""
        return said

    @staticmethod
    def _shape(info: ModelInfo) -> tuple[int, int, int]:
        return info.resolution, info.resolution, 4

    def _runtime(self, request: SteerRequest) -> Runtime:
        wanted = request.model or self._current
        if wanted in self._open:
            self._open.move_to_end(wanted)
            return self._open[wanted]
        if not wanted:
            raise LodestoneError("No generator is open. Open one first.")
        info = self._library.find(wanted)
        if find_files(info) is None:
            # Preparing takes seconds: not in the middle of steering something else.
            raise LodestoneError(f"{info.name} was never opened here. Open it once.")
        return self._runtime_of(info, Progress())

    def _runtime_of(self, info: ModelInfo, progress: Progress) -> Runtime:
        runtime = self._open.get(info.id)
        if runtime is None:
            runtime = open_runtime(info, device=self._device, progress=progress)
        self._open[info.id] = runtime
        self._open.move_to_end(info.id)
        while len(self._open) > _KEPT:
            # The one on the canvas stays whatever the thumbnails ask for.
            oldest = next(key for key in self._open if key != self._current)
            del self._open[oldest]
        return runtime


def shrink(pixels: np.ndarray, size: int) -> np.ndarray:
    """(H, W, 4) uint8 so that its longest side is at most `size`: the mean over each area."""
    from PIL import Image

    height, width, _ = pixels.shape
    scale = size / max(height, width)
    if scale >= 1.0:
        return pixels
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    # Pillow takes the four bytes as they are: the order B G R X does not matter to a mean.
    data = np.ascontiguousarray(pixels)
    image = Image.frombuffer("RGBX", (width, height), data, "raw", "RGBX", 0, 1)
    return np.asarray(image.resize(target, Image.Resampling.BOX))
