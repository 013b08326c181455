"""Looking inside a network: what is asked, and what comes back.

A **study** is a folder: one network, one probe set, some layers. It holds what one pass of the
probes through the network tallied (`engine/inspect/study.py`), the descriptions made from it and
the artist's stars, notes and names. Questions are answered from a study; jobs make one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.messages.steering import Direction, EditSet, SteerRequest, Unit, UnitEdit
from engine.messages.values import Picture, Vector

LayerKind = Literal["map", "tokens", "vector"]
"""(N, C, H, W); (N, T, C); (N, C)."""
UnitOrder = Literal[
    "unit", "label", "selectivity", "sparsity", "effect", "score", "starred", "largest"
]


@dataclass(frozen=True)
class NetworkLayer:
    name: str
    kind: LayerKind
    units: int
    size: tuple[int, int] = (1, 1)
    """Rows and columns of its output at the network's own input size."""
    type: str = ""
    """What it is: Conv2d, ReLU, synthesis layer …"""
    main: bool = True
    """Among those a person would look at first: blocks, activations outside them, the last."""


@dataclass(frozen=True)
class NetworkInfo:
    """A network that can be looked into."""

    id: str
    """sha256 of the weights."""
    name: str
    path: str
    """What opens it again: a path, or a name such as `efficientnet-lite0`."""
    kind: Literal["generator", "classifier", "network"]
    layers: tuple[NetworkLayer, ...]
    input: tuple[int, int, int] = (3, 224, 224)
    """Channels, rows, columns of what it takes; a generator: of what it makes."""
    classes: tuple[str, ...] = ()
    preprocessing: str = ""
    """In words, such as `(x - 127) / 128, RGB, centre crop of 224`."""
    provider: str = ""
    note: str = ""


@dataclass(frozen=True)
class Probes:
    """The pictures that a network is shown."""

    data: str = ""
    """Folder or zip of pictures; labels are its sub-folders' names, or `labels.csv` (file, label)
    beside them. Empty: the generator's own samples."""
    count: int = 0
    """At most so many; 0 = all (512 samples)."""
    seed: int = 0
    """Of a generator's samples."""
    names: tuple[str, ...] = ()
    """Only these of them, as exemplars name them: file names, or `seed 17`; () = all."""
    requests: tuple[SteerRequest, ...] = ()
    """A generator's pictures by their recipes, such as the one on the canvas; then these are all,
    named `picture 1` …"""


@dataclass(frozen=True)
class StudyRequest:
    """Exemplars of all units of some layers, in one pass (job, resumable)."""

    network: str
    """Name or path."""
    probes: Probes
    layers: tuple[str, ...] = ()
    """() = all layers a person would look at first."""
    out: str = ""
    """Folder of the study; empty = in the person's own folder, by content."""
    exemplars: int = 15
    """Pictures kept of each unit."""
    device: str = "auto"


@dataclass(frozen=True)
class DescribeRequest:
    """Names for the units of a study (job): writes `descriptions.json` into it."""

    study: str
    layers: tuple[str, ...] = ()
    words: str = ""
    """File of words, one a line, to choose from; empty = those of the probe set and bundled."""
    describer: str = ""
    """Path of a trained describer's card; empty = soft-WPMI and detectors."""
    image_text: str = ""
    """Folder of an image-text model in ONNX, where the artist has one."""
    audit: str = ""
    """A label or word: nothing is named; `audit.json` says which units respond to it."""


@dataclass(frozen=True)
class DescriberRequest:
    """Train a captioner over masked regions (MILAN) and its language prior (job)."""

    data: str
    """Folder or zip of pictures with `labels.csv` or `captions.csv`."""
    out: str
    seconds: float = 600.0
    seed: int = 0


@dataclass(frozen=True)
class Description:
    """What a unit responds to, in words, and how well the words predict it."""

    unit: Unit
    words: str
    """Empty = nothing certain: unsure."""
    method: str = ""
    """`human`, `soft-wpmi`, `detector`, `describer`, or several joined by +."""
    score: float | None = None
    """AUC on pictures held out, .5 = chance."""
    evidence: tuple[tuple[str, float], ...] = ()
    """Candidates with their scores, best first."""
    unsure: bool = False


@dataclass(frozen=True)
class UnitsQuestion:
    """A part of the unit grid. Answered by a `UnitsReply`."""

    study: str
    layers: tuple[str, ...] = ()
    search: str = ""
    """Words; or `layer:17`."""
    order: UnitOrder = "unit"
    first: int = 0
    count: int = 60
    thumbnails: int = 4
    """Exemplars shown of each."""
    size: int = 48
    """Pixels of a thumbnail's side."""
    units: tuple[Unit, ...] = ()
    """Only these, in this order whatever `order` says; () = all."""


@dataclass(frozen=True)
class UnitSummary:
    unit: Unit
    words: str = ""
    score: float | None = None
    unsure: bool = False
    largest: float = 0.0
    """Its greatest activation in the probe set."""
    selectivity: float = 0.0
    """0..1: how far its exemplars stand above its usual activation."""
    sparsity: float = 0.0
    """Share of pictures in which it is (nearly) silent."""
    effect: float | None = None
    """Mean change when ablated, once measured: of the picture, 0..1, or a share of the answer."""
    starred: bool = False
    note: str = ""
    strip: Picture | None = None
    """Its first exemplars side by side."""


@dataclass(frozen=True)
class UnitsReply:
    total: int
    """Units that match."""
    first: int
    units: tuple[UnitSummary, ...]
    note: str = ""
    layers: tuple[str, ...] = ()
    """All layers of the study, in the network's order."""
    probes: Probes | None = None
    """What the study was shown."""


@dataclass(frozen=True)
class UnitQuestion:
    """All about one unit: its card. Answered by a `UnitReply`."""

    study: str
    unit: Unit
    quantile: float = 0.99
    """.9 to .999: what counts as active; needs no new pass."""
    size: int = 112
    """Pixels of an exemplar's side."""


@dataclass(frozen=True)
class Exemplar:
    name: str
    """File name, or `seed 17`."""
    value: float
    """The unit's spatial maximum."""
    picture: Picture
    """With what lies outside the mask darkened …"""
    plain: Picture
    """… and as it is."""
    label: str = ""
    request: SteerRequest | None = None
    """A generator's sample: shows it on the canvas."""


@dataclass(frozen=True)
class UnitReply:
    summary: UnitSummary
    description: Description
    exemplars: tuple[Exemplar, ...]
    level: float
    """Activation at the quantile asked for."""
    edges: tuple[float, ...]
    """Histogram over all positions of all pictures: bin edges …"""
    counts: tuple[int, ...]
    """… and counts, one fewer."""
    neighbours: tuple[tuple[Unit, float], ...] = ()
    """Units whose values over the pictures correlate most, -1..1."""
    note: str = ""


@dataclass(frozen=True)
class EffectQuestion:
    """How much do these edits change the picture, beside as many random units? -> EffectReply."""

    request: SteerRequest
    """The picture without them."""
    edits: tuple[UnitEdit, ...]
    random: int = 3
    """Sets of random units of the same layers to compare with."""
    seed: int = 0


@dataclass(frozen=True)
class EffectReply:
    changed: float
    """Mean absolute change of the picture, 0..1 …"""
    area: float
    """… and the share of pixels that change by more than 2 %."""
    inside: float | None = None
    """Share of the change that lies under the brush."""
    chance: float = 0.0
    """Mean `changed` of random sets of equal size."""
    heat: Picture | None = None


@dataclass(frozen=True)
class AblateRequest:
    """Edits measured over pictures (job): classifiers by accuracy and logits, generators by pixels;
    writes a JSON report and, for generators, pictures before and after."""

    network: str
    edits: tuple[UnitEdit, ...]
    probes: Probes
    out: str
    target: str = ""
    """Class whose accuracy is watched; empty = all."""
    random: int = 5
    seed: int = 0
    top: int = 0
    """So many units that matter most to `target` are ablated too, chosen on half of the pictures
    and measured on the other."""
    layers: tuple[str, ...] = ()
    """Where `top` looks; () = the last layer before the answer."""
    study: str = ""
    """Folder of a study: the units that `words` describe there are ablated too."""
    words: str = ""


@dataclass(frozen=True)
class EffectsRequest:
    """What ablating each unit of a study changes, for its grid (job): writes `effects.json`."""

    study: str
    layers: tuple[str, ...] = ()
    """() = all of the study."""
    pictures: int = 2
    """Samples a unit is measured on."""
    seed: int = 0


@dataclass(frozen=True)
class ArtifactsRequest:
    """Units of a generator without which its pictures look more like real ones (job).

    Writes `artifacts.json` and `muted.json`, an `EditSet` that switches the worst off.
    """

    network: str
    data: str
    """Folder or zip of pictures it should resemble, such as those it was trained on."""
    out: str
    layers: tuple[str, ...] = ()
    """() = the three largest sizes."""
    pictures: int = 8
    """Samples on which units are compared, and as many others on which the set is judged."""
    keep: int = 8
    """Units muted at most."""
    seed: int = 0


@dataclass(frozen=True)
class EditSetQuestion:
    """What sliders make of a set of edits. Answered by an `EditSetReply`."""

    edit_set: EditSet


@dataclass(frozen=True)
class EditSetReply:
    directions: tuple[Direction, ...]
    """One a layer, in activations; one step moves them as far as the set does on average."""
    note: str = ""


@dataclass(frozen=True)
class CircuitRequest:
    """The circuit that computes a unit for a concept given by examples (job) -> circuit.json."""

    network: str
    target: Unit
    examples: Probes
    others: Probes | None = None
    """Pictures without the concept: for the causal test."""
    regions: tuple[Vector, ...] = ()
    """One mask (H, W) an example, 0..1: the concept's place; () = everywhere."""
    layers: tuple[str, ...] = ()
    """Layers it may pass, in any order; () = all before the target."""
    width: int = 8
    """Units kept of each layer (k)."""
    rounds: int = 2
    """Refinements layer by layer."""
    out: str = ""
    random: int = 20
    """Random circuits of equal size to test against."""
    seed: int = 0


@dataclass(frozen=True)
class CircuitNode:
    unit: Unit
    score: float
    words: str = ""


@dataclass(frozen=True)
class CircuitEdge:
    source: Unit
    target: Unit
    score: float
    """|a_m| · |∂a_n/∂a_m|, mean over the examples (arXiv 2404.14349)."""


@dataclass(frozen=True)
class Circuit:
    target: Unit
    nodes: tuple[CircuitNode, ...]
    edges: tuple[CircuitEdge, ...]
    kept: float | None = None
    """Share of the target's activation that remains with only the circuit …"""
    pruned: float | None = None
    """… and the share that is lost without it; the same for random circuits:"""
    random_kept: float | None = None
    random_pruned: float | None = None
    note: str = ""


@dataclass(frozen=True)
class DefenceRequest:
    """Suppress the circuit through which an attack works (job) -> defence.json of `Defence`.

    Half of the pictures teach which units those are, the other half is measured.
    """

    network: str
    probes: Probes
    out: str
    attack: Literal["text", "patch"] = "text"
    """Pasted words; or a small picture made to deceive."""
    words: tuple[str, ...] = ()
    """Of a text attack; () = names of classes, or everyday ones."""
    width: int = 8
    """Units suppressed of each layer."""
    seed: int = 0


@dataclass(frozen=True)
class Defence:
    """Accuracy on pictures that played no part in finding the units, 0..1."""

    clean: float
    attacked: float
    defended: float
    """Attacked, with the units suppressed."""
    clean_defended: float
    """What the suppression costs where nobody attacks."""
    truth: str
    """What accuracy is measured against: `labels`, or `clean answers` where there are none."""
    edits: tuple[UnitEdit, ...]
    """The units, clamped to their means on clean pictures."""
    method: str = ""
    """Where the units are suppressed."""
    pictures: int = 0
    note: str = ""

    @property
    def recovered(self) -> float | None:
        """Share of the lost accuracy that comes back; None where none was lost."""
        lost = self.clean - self.attacked
        return (self.defended - self.attacked) / lost if lost > 0 else None


@dataclass(frozen=True)
class VisualiseRequest:
    """A picture made so that units respond (job): features, or a latent of a generator."""

    network: str
    units: tuple[Unit, ...]
    out: str
    """PNG, or a folder for several units."""
    steps: int = 256
    size: int = 0
    """0 = the network's own."""
    seed: int = 0


@dataclass(frozen=True)
class ReportRequest:
    """A study as one HTML page, JSON and CSV (job)."""

    study: str
    out: str
    """Folder."""
    circuits: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    compare: str = ""
    """Another study on the same probes: units matched by correlation."""
    names: str = ""
    """A `report.json` whose names, notes, stars and descriptions are taken into the study first."""


@dataclass(frozen=True)
class NameUnit:
    """What a person says of a unit; wins over every other description. Kept in the study."""

    study: str
    unit: Unit
    words: str | None = None
    """None = leave; empty = take the person's name away."""
    starred: bool | None = None
    note: str | None = None


@dataclass(frozen=True)
class NetworkQuestion:
    """What network is this, and which studies are there of it? -> NetworkReply."""

    network: str


@dataclass(frozen=True)
class NetworkReply:
    info: NetworkInfo
    studies: tuple[str, ...] = ()
    """Folders, newest first."""
