"""Which room does which job of Inspect. Each is imported when it is wanted: most need torch."""

from __future__ import annotations

from engine.messages import (
    AblateRequest,
    ArtifactsRequest,
    CircuitRequest,
    DefenceRequest,
    DescribeRequest,
    DescriberRequest,
    EffectsRequest,
    ReportRequest,
    StudyRequest,
    VisualiseRequest,
)
from engine.progress import Progress

InspectRequest = (
    StudyRequest
    | DescribeRequest
    | DescriberRequest
    | AblateRequest
    | EffectsRequest
    | ArtifactsRequest
    | CircuitRequest
    | DefenceRequest
    | VisualiseRequest
    | ReportRequest
)


def run(request: InspectRequest, progress: Progress) -> str:
    """Do the job; returns the path of what was made."""
    match request:
        case StudyRequest():
            from engine.inspect.exemplars import study

            return study(request, progress)
        case DescribeRequest():
            from engine.inspect.describe import describe

            return describe(request, progress)
        case DescriberRequest():
            from engine.inspect.describer.train import train

            return train(request, progress)
        case AblateRequest():
            from engine.inspect.ablate import ablate

            return ablate(request, progress)
        case EffectsRequest():
            from engine.inspect.effects import effects

            return effects(request, progress)
        case ArtifactsRequest():
            from engine.inspect.artifacts import artifacts

            return artifacts(request, progress)
        case CircuitRequest():
            from engine.inspect.circuit import circuit

            return circuit(request, progress)
        case DefenceRequest():
            from engine.inspect.defence import defence

            return defence(request, progress)
        case VisualiseRequest():
            from engine.inspect.visualise import visualise

            return visualise(request, progress)
        case ReportRequest():
            from engine.inspect.report import report

            return report(request, progress)
