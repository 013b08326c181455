"""Put a trained generator into assets/generators with everything it ships with.

    python packaging/bundle_generator.py MODEL.safetensors PICTURES [--labels CSV] [-n 5000]

Writes NAME.safetensors (its card carries the measured quality and parity), the ONNX graphs
beside it, NAME.sheet.jpg (64 samples, no truncation) and NAME.neighbours.jpg (16 samples over
their nearest training pictures).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.export import export_onnx  # noqa: E402
from engine.messages import QualityRequest  # noqa: E402
from engine.paths import assets  # noqa: E402
from engine.progress import Progress  # noqa: E402
from engine.worker import run_job  # noqa: E402
from models.files import load_model, read_card, save_model, update_card  # noqa: E402
from models.registry import build  # noqa: E402

LARGEST = 16 * 2**20


def bundle(model: Path, pictures: Path, labels: str, count: int) -> Path:
    """Copy, export, measure; returns the path of the shipped card."""
    folder = assets() / "generators"
    card, state = load_model(model)
    shipped = folder / f"{card.name}.safetensors"
    save_model(shipped, state, card)
    parity = export_onnx(build(card, state), card, folder, stem=card.name)
    update_card(shipped, parity=parity)
    out = folder / f"{card.name}.quality.part"
    request = QualityRequest(str(shipped), str(pictures), str(out), labels, count)
    figures = json.loads(Path(run_job(request, Progress())).read_text())
    for kind in ("sheet", "neighbours"):
        shutil.move(out / f"{card.name}.{kind}.jpg", folder / f"{card.name}.{kind}.jpg")
    shutil.rmtree(out)
    update_card(shipped, training={**read_card(shipped).training, "quality": figures})
    for path in folder.glob(f"{card.name}.*"):
        if path.stat().st_size > LARGEST:
            raise SystemExit(f"{path.name} is larger than 16 MiB; train a smaller generator.")
    return shipped


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--labels", default="")
    parser.add_argument("-n", type=int, default=5000)
    wish = parser.parse_args()
    bundle(wish.model, wish.pictures, wish.labels, wish.n)
