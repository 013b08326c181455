"""An image-text model that the artist has, in ONNX: how well words fit pictures. No torch.

A folder with `image.onnx` (pictures -> vectors), `text.onnx` (token ids -> vectors) and a
tokenizer: `tokenizer.json`, `vocab.json` with `merges.txt` (byte pairs, as CLIP has them, arXiv
2103.00020), or `vocab.txt` (word pieces). Then soft-WPMI needs no labels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.inspect.bytepairs import BytePairs
from engine.inspect.embed import unit_length
from engine.inspect.tags import WordBank
from engine.inspect.wordpiece import WordPiece
from engine.inspect.wpmi import Concepts
from engine.messages import LodestoneError
from engine.progress import Progress

prompt = "a photo of {}"
together = 16
member_share = 0.1
"""Of the pictures, those a word fits best count as having it."""
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class ImageText:
    def __init__(self, image: Any, text: Any, tokenizer: WordPiece | BytePairs, config: Any):
        self._image, self._text, self._tokenizer = image, text, tokenizer
        self._mean = np.array(config.get("image_mean", CLIP_MEAN), np.float32)
        self._std = np.array(config.get("image_std", CLIP_STD), np.float32)
        shape = image.get_inputs()[0].shape
        known = [side for side in shape[2:] if isinstance(side, int)]
        self._side = known[0] if known else 224

    @staticmethod
    def open(folder: Path) -> ImageText:
        folder = folder.expanduser()
        missing = [name for name in ("image.onnx", "text.onnx") if not (folder / name).is_file()]
        if missing:
            raise LodestoneError(
                f"{folder.name} has no {' and no '.join(missing)}. Choose a folder with "
                "image.onnx, text.onnx and a tokenizer."
            )
        import onnxruntime as ort

        try:
            image, text = (
                ort.InferenceSession(str(folder / name), providers=["CPUExecutionProvider"])
                for name in ("image.onnx", "text.onnx")
            )
        except Exception as error:  # ONNX Runtime raises a dozen kinds of its own
            raise LodestoneError(
                f"The image-text model in {folder.name} cannot be opened. Export it to ONNX again.",
                repr(error),
            ) from error
        return ImageText(image, text, _tokenizer(folder), _config(folder))

    def words(self, words: Sequence[str]) -> np.ndarray:
        """(W, D) of unit length."""
        return self._texts([prompt.format(word) for word in words])

    def pictures(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """(H, W, 3) uint8 each -> (N, D) of unit length."""
        batch = np.stack([self._prepared(picture) for picture in pictures])
        return unit_length(self._run(self._image, [batch]))

    def word_bank(
        self, pictures: np.ndarray, numbers: np.ndarray, words: Sequence[str], progress: Progress
    ) -> WordBank:
        """Those of `pictures` (all of a study's) that are numbered, with the words."""
        rows: list[np.ndarray] = []
        for start in range(0, len(numbers), together):
            progress(0.8 * start / len(numbers), "Comparing pictures with words")
            chosen = numbers[start : start + together]
            rows.append(self.pictures([np.asarray(pictures[number]) for number in chosen]))
        texts: list[np.ndarray] = []
        for start in range(0, len(words), 64):
            progress(0.8 + 0.2 * start / len(words), "Comparing pictures with words")
            texts.append(self.words(words[start : start + 64]))
        similar = np.concatenate(rows) @ np.concatenate(texts).T
        level = np.quantile(similar, 1.0 - member_share, axis=0)
        # Hub words fit every picture: what counts is where a word fits better than elsewhere.
        spread = similar.std(0) + 1e-6
        likeness = np.clip((similar - similar.mean(0)) / (4.0 * spread), -1.0, 1.0)
        nothing = np.zeros(len(words))
        concepts = Concepts(tuple(words), likeness.astype(np.float32), np.arange(len(numbers)))
        return WordBank(concepts, similar >= level, nothing.astype(bool), nothing)

    def _prepared(self, picture: np.ndarray) -> np.ndarray:
        """The shorter side to the model's, centre crop, as CLIP does."""
        image = Image.fromarray(np.ascontiguousarray(picture[..., :3]))
        scale = self._side / min(image.size)
        size = (max(self._side, round(image.width * scale)),
                max(self._side, round(image.height * scale)))  # fmt: skip
        image = image.resize(size, Image.Resampling.BICUBIC)
        left, top = (size[0] - self._side) // 2, (size[1] - self._side) // 2
        image = image.crop((left, top, left + self._side, top + self._side))
        values = (np.asarray(image, np.float32) / 255.0 - self._mean) / self._std
        return values.transpose(2, 0, 1)

    def _texts(self, texts: Sequence[str]) -> np.ndarray:
        ids, mask = self._tokenizer.batch(texts)
        length = self._text.get_inputs()[0].shape[-1]
        if isinstance(length, int):  # a fixed length: filled up, or cut
            room = max(0, length - ids.shape[1])
            ids = np.pad(ids, ((0, 0), (0, room)))[:, :length]
            mask = np.pad(mask, ((0, 0), (0, room)))[:, :length]
        return unit_length(self._run(self._text, [ids, mask, np.zeros_like(ids)]))

    def _run(self, session: Any, given: Sequence[np.ndarray]) -> np.ndarray:
        """The pooled output: of several, the first with two dimensions."""
        kinds = {"tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(float)": np.float32}
        inputs = {
            one.name: array.astype(kinds.get(one.type, array.dtype))
            for one, array in zip(session.get_inputs(), given, strict=False)
        }
        try:
            outputs = [np.asarray(one) for one in session.run(None, inputs)]
        except Exception as error:  # ONNX Runtime raises a dozen kinds of its own
            raise LodestoneError(
                "The image-text model did not take its input. Export it with one input of "
                "pictures, and one of token ids.",
                repr(error),
            ) from error
        flat = [one for one in outputs if one.ndim == 2]
        if not flat:
            raise LodestoneError(
                "The image-text model gives no vector for a picture or text. Export it with its "
                "projection."
            )
        return flat[0].astype(np.float32)


def _tokenizer(folder: Path) -> WordPiece | BytePairs:
    try:
        if (folder / "vocab.txt").is_file():
            return WordPiece.open(folder / "vocab.txt")
        if (folder / "tokenizer.json").is_file():
            return BytePairs.of_tokenizer(folder / "tokenizer.json")
        if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            return BytePairs.of_files(folder / "vocab.json", folder / "merges.txt")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LodestoneError(
            f"The tokenizer in {folder.name} cannot be read. Copy it there again.", repr(error)
        ) from error
    raise LodestoneError(
        f"{folder.name} has no tokenizer. Put tokenizer.json, or vocab.json and merges.txt there."
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "preprocessor_config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LodestoneError(
            f"{path.name} in {folder.name} cannot be read. Copy it there again.", repr(error)
        ) from error
    return found if isinstance(found, dict) else {}
