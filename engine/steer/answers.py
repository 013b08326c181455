"""What the live engine answers between pictures: one line a question.

An answer is worked out in slices: it yields None after about one picture's time, so the canvas
never waits for more, and may yield partial replies on the way. No torch.
"""

from __future__ import annotations

from collections.abc import Generator

from engine.messages import (
    CompassQuestion,
    ConsistencyQuestion,
    Reply,
    StylesQuestion,
    SuggestQuestion,
    VocabularyQuestion,
)
from engine.runtime import Runtime

SteerQuestion = (
    CompassQuestion | SuggestQuestion | ConsistencyQuestion | StylesQuestion | VocabularyQuestion
)
"""Questions about a generator of images."""


def model_of(question: SteerQuestion) -> str:
    """Id of the generator a question is about."""
    match question:
        case CompassQuestion(axis=axis) | SuggestQuestion(axis=axis):
            return axis.model
        case ConsistencyQuestion():
            return question.places[0].model if question.places else question.direction.model
        case StylesQuestion() | VocabularyQuestion():
            return question.model


def answer(question: SteerQuestion, runtime: Runtime) -> Generator[Reply | None, None, Reply]:
    """Work on `question` with its generator; returns the last reply."""
    match question:
        case CompassQuestion():
            from engine.steer.compass import fit_axis

            return fit_axis(question.axis, question.candidates, runtime)
        case SuggestQuestion():
            from engine.steer.suggest import suggest

            return (yield from suggest(question, runtime))
        case ConsistencyQuestion():
            from engine.steer.consistency import consistency

            return (yield from consistency(question, runtime))
        case StylesQuestion():
            from engine.steer.channels import spread

            return spread(runtime)
        case VocabularyQuestion():
            from engine.steer.vocabulary import fitting

            return (yield from fitting(question, runtime.info))
