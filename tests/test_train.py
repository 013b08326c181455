"""Training: data in, steps that learn, growing without a shock, resume, cancel, bad input."""

import io
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from engine.messages import TrainRequest
from engine.progress import Cancelled, Progress, Report
from engine.train.augment import adapt, augment
from engine.train.data import load_pictures
from engine.train.loop import Recipe, Trainer, resolution_at, start_resolution
from engine.train.networks import Critic, generator_config
from engine.train.train import train
from models.errors import LodestoneError
from models.files import load_model, read_card
from models.registry import build


def blob(kind: int, index: int) -> Image.Image:
    """A disc (kind 0) or a square (kind 1) of some colour on white."""
    rng = np.random.RandomState(index)
    picture = np.full((40, 48, 3), 255, dtype=np.uint8)
    y, x = np.mgrid[:40, :48]
    top, left, size = rng.randint(12, 28), rng.randint(14, 34), rng.randint(6, 12)
    inside = np.maximum(abs(y - top), abs(x - left)) < size
    if kind == 0:
        inside = (y - top) ** 2 + (x - left) ** 2 < size**2
    picture[inside] = rng.randint(0, 200, 3)
    return Image.fromarray(picture)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "Bilder ä"
    for kind, name in enumerate(("disc", "square")):
        (root / name).mkdir(parents=True)
        for index in range(20):
            blob(kind, index).save(root / name / f"{index:02}.png")
    return root


def pictures(folder: Path, tmp_path: Path, conditional: bool = False):
    return load_pictures(folder, 32, tmp_path / "p.u8", Progress(), conditional)


# ------------------------------------------------------------------ data


def test_a_folder_is_read_with_its_classes(folder: Path, tmp_path: Path) -> None:
    found = pictures(folder, tmp_path, conditional=True)
    assert found.pixels.shape == (40, 32, 32, 3)
    assert found.class_names == ("disc", "square")
    assert list(found.classes) == [0] * 20 + [1] * 20
    assert found.pixels[0].min() < 230 < found.pixels[0].max()


def test_a_zip_with_labels_skips_what_is_no_picture(folder: Path, tmp_path: Path) -> None:
    archive, labels = tmp_path / "set.zip", tmp_path / "labels.csv"
    with zipfile.ZipFile(archive, "w") as file:
        for index in range(20):
            data = io.BytesIO()
            blob(index % 2, index).save(data, "WEBP")
            file.writestr(f"{index:02}.webp", data.getvalue())
        file.writestr("broken.png", b"no picture")
        file.writestr("readme.txt", b"text")
    rows = "".join(f"{i:02}.webp,{'round' if i % 2 == 0 else 'edgy'}\n" for i in range(20))
    labels.write_text("file,class_folder\n" + rows, encoding="utf-8")
    found = load_pictures(archive, 32, tmp_path / "p.u8", Progress(), True, labels)
    assert found.skipped == 1
    assert found.class_names == ("edgy", "round")
    assert list(found.classes) == [1, 0] * 10


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "I;16", "1"])
def test_every_kind_of_picture_becomes_colour(mode: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    for index in range(16):
        picture = Image.new("L", (20, 30), 90).convert(mode if mode != "I;16" else "I")
        if mode == "I;16":
            picture = Image.fromarray(np.full((30, 20), 90 * 257, dtype=np.uint16))
        ending = "tif" if mode in ("CMYK", "I;16") else "png"
        picture.save(root / f"{index}.{ending}")
    found = load_pictures(root, 8, tmp_path / "p.u8", Progress())
    assert found.pixels.shape == (16, 8, 8, 3)
    if mode in ("L", "RGBA", "P", "I;16"):
        assert abs(int(found.pixels[0].mean()) - 90) <= 2


def test_bad_sources_get_a_sentence(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty", tmp_path / "notes.txt"
    empty.mkdir()
    text.write_text("words")
    for source, word in ((empty, "Only 0"), (text, "neither"), (tmp_path / "no", "nothing")):
        with pytest.raises(LodestoneError, match=word):
            load_pictures(source, 32, tmp_path / "p.u8", Progress())


# ------------------------------------------------------------------ learning


def test_the_warm_up_learns_to_rebuild(folder: Path, tmp_path: Path) -> None:
    config = generator_config("small", 32, 0, 3)
    trainer = Trainer(config, pictures(folder, tmp_path), Recipe(batch=8), 0, "cpu")
    losses = []
    for _ in range(30):
        trainer.step(0.0)
        losses.append(trainer.figures["rebuild"])
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:3])


def test_adversarial_steps_move_every_network_and_stay_finite(folder: Path, tmp_path: Path) -> None:
    config = generator_config("small", 32, 2, 3)
    trainer = Trainer(config, pictures(folder, tmp_path, True), Recipe(batch=8), 0, "cpu")
    before = {
        name: {k: v.clone() for k, v in getattr(trainer, name).named_parameters()}
        for name in ("generator", "critic", "average")
    }
    for _ in range(3):
        trainer.step(0.9)
    assert trainer.counts.resolution == 32
    assert set(trainer.figures) >= {"generator", "critic", "r1", "rebuild"}
    assert all(np.isfinite(value) for value in trainer.figures.values())
    for name, parameters in before.items():
        now = dict(getattr(trainer, name).named_parameters())
        moved = [key for key, value in parameters.items() if not torch.equal(value, now[key])]
        assert len(moved) > 0.9 * len(parameters), (name, set(parameters) - set(moved))


def test_equal_seeds_train_equal_networks(folder: Path, tmp_path: Path) -> None:
    found = []
    for _ in range(2):
        config = generator_config("small", 16, 0, 3)
        data = load_pictures(folder, 16, tmp_path / "p.u8", Progress())
        trainer = Trainer(config, data, Recipe(batch=8), 7, "cpu")
        for _ in range(2):
            trainer.step(0.5)
        found.append(torch.cat([p.flatten() for p in trainer.generator.parameters()]))
    assert torch.equal(found[0], found[1])


def test_growing_changes_no_pixel(folder: Path, tmp_path: Path) -> None:
    config = generator_config("small", 32, 0, 3)
    trainer = Trainer(config, pictures(folder, tmp_path), Recipe(batch=8), 0, "cpu")
    small, large = trainer.samples(4, 16), trainer.samples(4, 32)
    # The finer block paints nothing yet: its picture is the upsampled smaller one.
    shrunk = torch.nn.functional.avg_pool2d(large, 2)
    assert (shrunk - small).abs().mean() < 0.15 * small.std()
    critic = Critic(config)
    critic.body.start_at(16)
    x = torch.randn(4, 3, 32, 32)
    noisy = x + 0.5 * torch.tensor([1.0, -1.0]).repeat(16)  # invisible at half the size
    assert torch.allclose(critic(x), critic(noisy), atol=1e-4)


def test_resolutions_grow_in_order() -> None:
    recipe = Recipe()
    assert start_resolution(256) == 64
    shares = np.linspace(0, 1, 101)
    grown = [resolution_at(share, 256, recipe) for share in shares]
    assert grown == sorted(grown)
    assert set(grown) == {64, 128, 256}
    assert [resolution_at(share, 32, recipe) for share in (0.0, 1.0)] == [16, 32]


def test_without_noise_nothing_but_the_latent_draws(folder: Path, tmp_path: Path) -> None:
    wish = replace(request(folder, tmp_path, minutes=0.02), noise=False)
    _, state = load_model(train(wish, Progress()))
    strengths = [value for name, value in state.items() if name.endswith("noise_strength")]
    assert strengths
    assert not np.any(strengths)


def test_r1_is_the_squared_gradient(folder: Path, tmp_path: Path) -> None:
    config = generator_config("small", 16, 0, 3)
    data = load_pictures(folder, 16, tmp_path / "p.u8", Progress())
    trainer = Trainer(config, data, Recipe(batch=8), 0, "cpu")
    x = torch.randn(4, 3, 16, 16)
    trainer._r1(torch.cat([x, torch.zeros_like(x)]), None)  # takes the first half
    leaf = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(trainer.critic(leaf).sum(), leaf)
    # Against differences along the gradient itself, where the slope is largest.
    along, step = gradient / gradient.norm(), 0.05
    with torch.no_grad():
        rise = (trainer.critic(x + step * along) - trainer.critic(x - step * along)).sum()
    assert float(rise) / (2 * step) == pytest.approx(float(gradient.norm()), rel=0.05)
    expected = float(gradient.square().sum(dim=(1, 2, 3)).mean())
    assert trainer.figures["r1"] == pytest.approx(expected, rel=1e-4)


def test_augmentation_follows_the_critic() -> None:
    x = torch.rand(8, 3, 16, 16) * 2 - 1
    random = torch.Generator().manual_seed(0)
    assert augment(x, 0.0, random) is x
    assert (augment(x, 0.85, random) - x).abs().mean() > 0.05
    p = 0.0
    for _ in range(10):
        p = adapt(p, 0.9, 1000)
    assert p == pytest.approx(0.1)
    assert adapt(p, 0.1, 5000) == pytest.approx(0.05)


# ------------------------------------------------------------------ the job


def request(folder: Path, tmp_path: Path, minutes: float = 0.05) -> TrainRequest:
    return TrainRequest(
        str(folder),
        str(tmp_path / "out" / "shapes.safetensors"),
        resolution=16,
        minutes=minutes,
        conditional=True,
        licence="CC0",
        attribution="me",
        device="cpu",
    )


def test_the_job_makes_a_model_and_goes_on_from_it(folder: Path, tmp_path: Path) -> None:
    seen: list[Report] = []
    path = train(request(folder, tmp_path), Progress(seen.append))
    card, state = load_model(path)
    assert (card.name, card.licence, card.class_names) == ("shapes", "CC0", ("disc", "square"))
    assert "CPU" in card.provenance
    generator = build(card, state)
    assert generator.w_avg.shape == (2, generator.w_dim)
    assert generator.w_avg.abs().sum() > 0
    assert any(report.preview is not None for report in seen)
    assert [r.fraction for r in seen] == sorted(r.fraction for r in seen)
    first = card.training["pictures_seen"]
    train(request(folder, tmp_path), Progress())
    assert read_card(path).training["pictures_seen"] > first


def test_cancel_keeps_what_was_learnt(folder: Path, tmp_path: Path) -> None:
    progress = Progress()
    steps = 0

    def stop_after_some(report: Report) -> None:
        nonlocal steps
        steps += "seen" in report.message
        if steps == 3:
            progress.cancel()

    progress._report = stop_after_some
    with pytest.raises(Cancelled):
        train(request(folder, tmp_path, minutes=10.0), progress)
    card = read_card(tmp_path / "out" / "shapes.safetensors")
    assert 3 * 8 <= card.training["pictures_seen"] <= 5 * 8
    assert (tmp_path / "out" / "shapes.training" / "state.pt").exists()


def test_a_state_of_other_pictures_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    train(request(folder, tmp_path, minutes=0.01), Progress())
    (tmp_path / "out" / "shapes.training" / "state.pt").write_bytes(b"rubbish")
    with pytest.raises(LodestoneError, match="does not belong"):
        train(request(folder, tmp_path), Progress())


def test_impossible_wishes_get_a_sentence(folder: Path, tmp_path: Path) -> None:
    wish = asdict(request(folder, tmp_path))
    with pytest.raises(LodestoneError, match="power of two"):
        train(TrainRequest(**{**wish, "resolution": 48}), Progress())
    if not torch.cuda.is_available():
        with pytest.raises(LodestoneError, match="CUDA"):
            train(TrainRequest(**{**wish, "device": "cuda"}), Progress())
