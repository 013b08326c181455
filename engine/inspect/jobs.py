"""Which room does which job of Inspect. Each is imported when it is wanted: most need torch."""

from __future__ import annotations

from engine.messages import (
    AblateRequest,
    CircuitRequest,
    DescribeRequest,
    DescriberRequest,
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
    | CircuitRequest
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
        case CircuitRequest():
            from engine.inspect.circuit import circuit

            return circuit(request, progress)
        case VisualiseRequest():
            from engine.inspect.visualise import visualise

            return visualise(request, progress)
        case ReportRequest():
            from engine.inspect.report import report

            return report(request, progress)
