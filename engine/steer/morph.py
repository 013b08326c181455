"""The picture between two pictures: everything of a request, interpolated. No torch.

Latents, classes, truncation, noise and edits all move in straight lines (latents in w), so a film
through keyframes is continuous, and t = 0 and t = 1 give the two requests themselves.
"""

from __future__ import annotations

from dataclasses import replace

from engine.messages import Edit, LatentPart, LodestoneError, NoiseMode, SteerRequest
from engine.steer.fading import units_between


def morph(a: SteerRequest, b: SteerRequest, t: float) -> SteerRequest:
    """The request at t (0 = a, 1 = b; clamped) of the way from a to b."""
    if a.model != b.model:
        raise LodestoneError(
            "Two pictures of different generators cannot be morphed. "
            "Choose keyframes of one generator."
        )
    if t <= 0.0 or a == b:
        return a
    if t >= 1.0:
        return b
    mix_layers = tuple(sorted({*a.mix_layers, *b.mix_layers})) if a.mix or b.mix else ()
    psi, cutoff = _truncation(a, b, t)
    mode, noise_seed, strength = _noise(a, b, t)
    return replace(
        a,
        latent=_blend(normalised(a.latent), normalised(b.latent), t),
        classes=_classes(a.classes, b.classes, t),
        mix=_mix(a, b, t, mix_layers),
        mix_layers=mix_layers,
        truncation=psi,
        truncation_cutoff=cutoff,
        noise=mode,
        noise_seed=noise_seed,
        noise_strength=strength,
        edits=_edits(a.edits, b.edits, t),
        units=units_between(a.units, b.units, t),
    )


def normalised(parts: tuple[LatentPart, ...]) -> tuple[LatentPart, ...]:
    """The same parts with weights that sum to 1 (on every row, where parts have rows)."""
    if any(part.rows is not None for part in parts):
        return parts  # made by `morph`: each row's weights sum to 1 already
    total = sum(part.weight for part in parts)
    if abs(total) < 1e-9:
        raise LodestoneError(
            "The weights of this picture's seeds sum to zero. Give one of them a weight."
        )
    return tuple(replace(part, weight=part.weight / total) for part in parts)


def _blend(
    a: tuple[LatentPart, ...], b: tuple[LatentPart, ...], t: float
) -> tuple[LatentPart, ...]:
    """Both sets of normalised parts, weighted 1 - t and t; equal sources become one part."""
    sides = [(part, 1.0 - t) for part in a] + [(part, t) for part in b]
    weights: dict[LatentPart, float] = {}
    for part, share in sides:
        source = replace(part, weight=1.0)
        weights[source] = weights.get(source, 0.0) + part.weight * share
    return tuple(replace(source, weight=weight) for source, weight in weights.items())


def _mix(
    a: SteerRequest, b: SteerRequest, t: float, layers: tuple[int, ...]
) -> tuple[LatentPart, ...]:
    """What drives the mixed rows: on each side B where that side mixes, else its own A."""
    if not layers:
        return ()
    if a.mix_layers == b.mix_layers and a.mix and b.mix:
        return _blend(normalised(a.mix), normalised(b.mix), t)
    return _blend(_row_sources(a, layers), _row_sources(b, layers), t)


def _row_sources(request: SteerRequest, layers: tuple[int, ...]) -> tuple[LatentPart, ...]:
    mixed = tuple(row for row in layers if request.mix and row in request.mix_layers)
    plain = tuple(row for row in layers if row not in mixed)
    found: list[LatentPart] = []
    for parts, rows in ((request.mix, mixed), (request.latent, plain)):
        if rows:
            found += [replace(part, rows=_common(part.rows, rows)) for part in normalised(parts)]
    return tuple(found)


def _common(first: tuple[int, ...] | None, second: tuple[int, ...]) -> tuple[int, ...]:
    return second if first is None else tuple(row for row in first if row in second)


def _classes(a: tuple[float, ...], b: tuple[float, ...], t: float) -> tuple[float, ...]:
    if a == b:
        return a
    size = max(len(a), len(b))
    first, second = _weights(a, size), _weights(b, size)
    return tuple((1.0 - t) * x + t * y for x, y in zip(first, second, strict=True))


def _weights(classes: tuple[float, ...], size: int) -> tuple[float, ...]:
    """Class weights of sum 1; none given means the first class."""
    total = sum(classes)
    if not classes or total == 0.0:
        return (1.0, *(0.0,) * (size - 1))
    return tuple(weight / total for weight in classes)


def _truncation(a: SteerRequest, b: SteerRequest, t: float) -> tuple[float, int | None]:
    psi = (1.0 - t) * a.truncation + t * b.truncation
    # psi = 1 truncates nothing, so that side's cutoff says nothing: the other's is exact.
    if a.truncation == 1.0:
        return psi, b.truncation_cutoff
    if b.truncation == 1.0:
        return psi, a.truncation_cutoff
    # Two different cutoffs have no row between them to move through: switch half way.
    return psi, a.truncation_cutoff if t < 0.5 else b.truncation_cutoff


def _noise(a: SteerRequest, b: SteerRequest, t: float) -> tuple[NoiseMode, int, float]:
    strength_a = 0.0 if a.noise == "off" else a.noise_strength
    strength_b = 0.0 if b.noise == "off" else b.noise_strength
    between = (1.0 - t) * strength_a + t * strength_b
    if strength_a == 0.0:
        return b.noise, b.noise_seed, between
    if strength_b == 0.0:
        return a.noise, a.noise_seed, between
    same_seed = a.noise != "random" or a.noise_seed == b.noise_seed
    if a.noise == b.noise and same_seed:
        return a.noise, a.noise_seed, between
    # Two different noises: fade the first out, then the second in, so that nothing jumps.
    if t < 0.5:
        return a.noise, a.noise_seed, strength_a * (1.0 - 2.0 * t)
    return b.noise, b.noise_seed, strength_b * (2.0 * t - 1.0)


def _edits(a: tuple[Edit, ...], b: tuple[Edit, ...], t: float) -> tuple[Edit, ...]:
    amounts = {edit.direction: 0.0 for edit in (*a, *b)}
    for edits, share in ((a, 1.0 - t), (b, t)):
        for edit in edits:
            amounts[edit.direction] += share * edit.amount
    return tuple(Edit(direction, amount) for direction, amount in amounts.items())
