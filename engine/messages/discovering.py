"""Finding, labelling and naming directions: questions, what is kept, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages.inspecting import (
    EditSetQuestion,
    EditSetReply,
    EffectQuestion,
    EffectReply,
    NameUnit,
    NetworkQuestion,
    NetworkReply,
    UnitQuestion,
    UnitReply,
    UnitsQuestion,
    UnitsReply,
)
from engine.messages.picturing import MatterQuestion, MatterReply, PictureQuestion, PictureReply
from engine.messages.sounding import SoundQuestion, SoundReply
from engine.messages.steering import Direction, Space, SteerRequest
from engine.messages.upscaling import (
    UpscaleQuestion,
    UpscaleReply,
    UpscaleSource,
    UpscaleSourceQuestion,
)
from engine.messages.values import Vector

# ---------------------------------------------------------------- jobs


@dataclass(frozen=True)
class DiscoverRequest:
    """Find directions without labels. The result is a JSON file of `Direction`s."""

    model: str
    """Name, id or path."""
    method: Literal["sefa", "pca", "selective", "styles"]
    out: str
    """The .json file; a search that was interrupted goes on from what lies beside it."""
    space: Space = "w"
    """pca: what is analysed (`w`, `s`, `a`)."""
    at: str = ""
    """Layer by name: whose activations are analysed (pca, `a`), held still (selective; empty = one
    after the other from the last), or whose channels are listed (styles)."""
    layers: tuple[int, int] | None = None
    """w+ rows the directions act on, or that SeFa looks at; None = all."""
    count: int = 16
    """Directions wanted; for selective, a layer."""
    samples: int = 10_000
    """Latents looked at (pca)."""
    seed: int = 0
    classes: tuple[float, ...] = ()
    truncation: float = 1.0
    criterion: Literal["visible", "plain"] = "visible"
    """selective: the most visible of the directions that hold the layer still, or simply the one
    that changes it least (the paper's objective)."""


@dataclass(frozen=True)
class ChannelsRequest:
    """Which style channels move what was brushed? By gradients inside and outside of the mask."""

    request: SteerRequest
    """The picture that was brushed."""
    mask: Vector
    """(H, W), 0..1, any size: resampled to the picture's."""
    out: str
    """The .json file of `Direction`s in space `s`, most local and strongest first."""
    count: int = 24
    source: str = ""
    """Path of the generator's card when it is not on the shelf."""


# ---------------------------------------------------------------- the compass


LabelAnswer = Literal["more", "less", "skip"]
PairAnswer = Literal["a", "b", "same", "skip"]


@dataclass(frozen=True)
class Label:
    """One picture, sorted. The request is what was shown: all of its provenance."""

    request: SteerRequest
    answer: LabelAnswer
    annotator: str = ""
    created: float = 0.0
    """Seconds since 1970."""


@dataclass(frozen=True)
class PairLabel:
    """Which of two pictures shows more of it?"""

    a: SteerRequest
    b: SteerRequest
    answer: PairAnswer
    annotator: str = ""
    created: float = 0.0


Learner = Literal["ridge", "logistic"]


@dataclass(frozen=True)
class Axis:
    """Something the artist sees, and the pictures sorted by it: what a direction is fitted to."""

    key: str
    name: str
    model: str
    """Id of the generator."""
    template: SteerRequest
    """Class, truncation and noise of the pictures on the wall; its latent is replaced."""
    space: Space = "w"
    at: str = ""
    """Layer by name when `space` is `a`."""
    layers: tuple[int, int] | None = None
    """w+ rows the direction acts on."""
    learner: Learner = "ridge"
    labels: tuple[Label, ...] = ()
    """In the order of sorting; at most one a picture."""
    pairs: tuple[PairLabel, ...] = ()
    direction: Direction | None = None
    """As last fitted."""
    fixed: tuple[Direction, ...] = ()
    """The direction is kept orthogonal to these."""
    created: float = 0.0


@dataclass(frozen=True)
class CompassQuestion:
    """Fit the axis; how far along it are these pictures? Answered by `CompassFit`."""

    axis: Axis
    candidates: tuple[SteerRequest, ...] = ()


@dataclass(frozen=True)
class CompassFit:
    direction: Direction | None
    """None until both sides have a picture."""
    sentence: str = ""
    """What is still missing, or what is odd (contradictions, chance level); may be empty."""
    accuracy: float | None = None
    """Leave-one-out, balanced over the sides, 0..1 (0.5 is chance); None below 2 a side."""
    margins: tuple[float, ...] = ()
    """One a label, in order: signed distance from the boundary in σ; positive = more. Left out of
    its own fit (leave-one-out) where there is one, so it tells what does not fit."""
    pair_margins: tuple[float, ...] = ()
    """One a pair: σ by which the chosen picture is ahead (negative: against the axis)."""
    candidates: tuple[float, ...] = ()
    """One a candidate, in σ."""
    residual: float | None = None
    """With `fixed`: what is left of the direction, 0..1."""
    ridge: float = 0.0
    """λ chosen by leave-one-out."""


@dataclass(frozen=True)
class SuggestQuestion:
    """Pictures worth sorting next. Answered by `Suggestion`."""

    axis: Axis
    kind: Literal["random", "uncertain", "extremes", "more", "less", "pairs"]
    """`more`/`less`: like one end of the axis; `pairs`: two at a time, alike but for the axis."""
    count: int
    seed: int = 0
    """Of the pool that is looked through; raise it to see others."""


@dataclass(frozen=True)
class Suggestion:
    requests: tuple[SteerRequest, ...]
    """None of them was sorted before; for `pairs` 2 x count, neighbours belong together."""
    margins: tuple[float, ...] = ()
    """σ, empty while there is no direction."""


@dataclass(frozen=True)
class ConsistencyQuestion:
    """Does a direction do the same to other seeds and classes? Answered by `Consistency`."""

    direction: Direction
    places: tuple[SteerRequest, ...]
    """Starting pictures: unseen seeds, one or several classes."""
    amount: float = 2.0
    """σ to each side."""


@dataclass(frozen=True)
class Consistency:
    score: float
    """Mean cosine between the changes of two places, -1..1; measured on pixels blurred to 16 px
    in a perceptual colour space."""
    chance: float
    """How alike unrelated changes look on the same places: along a random direction for each."""
    places: tuple[float, ...]
    """One a place: cosine of its change with the mean of the others'."""
    strength: float = 0.0
    """Mean size of the change (root mean square of the pixels, 0..1)."""


@dataclass(frozen=True)
class StylesQuestion:
    """How much does every style channel vary? Answered by `StyleSpread`."""

    model: str


@dataclass(frozen=True)
class StyleSpread:
    sigma: Vector
    """(num_styles,) standard deviation of each channel over the latents."""


# ---------------------------------------------------------------- the vocabulary


@dataclass(frozen=True)
class Pair:
    """One thing to describe: a picture before and after a step along a direction."""

    key: str
    direction: Direction
    before: SteerRequest
    amount: float = 2.0
    """σ from before to after."""
    created: float = 0.0


@dataclass(frozen=True)
class Annotation:
    """Someone's words for what changed."""

    pair: str
    """Key of the `Pair`."""
    text: str
    """As it was typed; empty: nothing was seen to change."""
    annotator: str = ""
    flipped: bool = False
    """Shown after → before, so the words describe the way back."""
    created: float = 0.0


@dataclass(frozen=True)
class VocabularyQuestion:
    """Fit the words. Answered by `Vocabulary`."""

    model: str
    pairs: tuple[Pair, ...]
    annotations: tuple[Annotation, ...]
    ridge: float = 10.0
    """λ of the decomposition."""


@dataclass(frozen=True)
class Word:
    text: str
    """Normalised: lower case, spelling and lemma."""
    direction: Direction
    """Unit vector and σ; one step of the word is one σ."""
    count: int
    """Annotations that use it; below 10 it is a guess."""
    reliability: float | None = None
    """Split-half: cosine of the word fitted on two random halves, mean over splits; None below 2
    uses."""
    transfer: float | None = None
    """Cosine of the word fitted on one class with the same word fitted on the others; None without
    classes or where it was used in one class only."""
    forms: tuple[str, ...] = ()
    """How people wrote it."""


@dataclass(frozen=True)
class Vocabulary:
    model: str
    space: Space
    words: tuple[Word, ...]
    """By falling count."""
    ridge: float
    annotators: tuple[str, ...] = ()
    agreement: float | None = None
    """Mean overlap (Jaccard) of two people's words for the same pair."""
    sentence: str = ""


Question = (
    CompassQuestion
    | SuggestQuestion
    | ConsistencyQuestion
    | StylesQuestion
    | VocabularyQuestion
    | PictureQuestion
    | MatterQuestion
    | SoundQuestion
    | UpscaleQuestion
    | UpscaleSourceQuestion
    | UnitsQuestion
    | UnitQuestion
    | EffectQuestion
    | EditSetQuestion
    | NameUnit
    | NetworkQuestion
)
"""What the live engine answers between pictures (`EngineClient.ask`)."""

Reply = (
    CompassFit
    | Suggestion
    | Consistency
    | StyleSpread
    | Vocabulary
    | PictureReply
    | MatterReply
    | SoundReply
    | UpscaleReply
    | UpscaleSource
    | UnitsReply
    | UnitReply
    | EffectReply
    | EditSetReply
    | NetworkReply
)
