"""Questions to the live engine: answered in slices between pictures, newest wins."""

from __future__ import annotations

import time

import pytest

from engine.messages import Answer, EngineStatus, Failure, Frame, StyleSpread, StylesQuestion
from tests.test_client import SLOW, engine, seed


def values(answers: list[Answer]) -> list[float]:
    bodies = [answer.body for answer in answers]
    assert all(isinstance(body, StyleSpread) for body in bodies)
    return [float(body.sigma.array()[0]) for body in bodies if isinstance(body, StyleSpread)]


def test_a_question_is_answered_in_parts_and_then_whole() -> None:
    with engine() as (client, ears):
        stamp = client.ask(StylesQuestion("one"), "styles")
        last = ears.wait(Answer, lambda answer: answer.done)
        answers = ears.all(Answer)
        assert {(answer.key, answer.stamp) for answer in answers} == {("styles", stamp)}
        assert values(answers) == [1.0, 2.0, 3.0]
        assert [answer.done for answer in answers] == [False, False, True]
        assert last.ms >= 0.0


def test_a_newer_question_replaces_an_older_one() -> None:
    with engine(SLOW) as (client, ears):
        stamps = [client.ask(StylesQuestion("one"), "styles") for _ in range(5)]
        ears.wait(Answer, lambda answer: answer.done and answer.stamp == stamps[-1])
        finished = [answer.stamp for answer in ears.all(Answer) if answer.done]
        assert finished == [stamps[-1]]


def test_the_canvas_goes_between_the_slices() -> None:
    with engine(SLOW) as (client, ears):
        client.ask(StylesQuestion("one"), "styles")
        ears.wait(Answer)  # it is being thought about: one slice is left
        client.show(seed(7))
        frame = ears.wait(Frame)
        client.release(frame)
        ears.wait(Answer, lambda answer: answer.done)
        kinds = [type(event) for event in ears.events if isinstance(event, Answer | Frame)]
        assert kinds[0] is Answer
        assert kinds[-1] is Answer


def test_what_is_not_wanted_any_more_is_not_answered() -> None:
    with engine(SLOW) as (client, ears):
        client.ask(StylesQuestion("one"), "styles")
        client.forget("styles")
        stamp = client.ask(StylesQuestion("one"), "other")
        ears.wait(Answer, lambda answer: answer.stamp == stamp and answer.done)
        assert not [answer for answer in ears.all(Answer) if answer.key == "styles" and answer.done]
        assert not ears.all(Failure)


def test_a_refused_question_is_a_sentence_and_the_next_one_is_answered() -> None:
    with engine() as (client, ears):
        stamp = client.ask(StylesQuestion("refused"), "styles")
        failure = ears.wait(Failure)
        assert (failure.key, failure.stamp) == ("styles", stamp)
        assert failure.sentence == "These styles are refused. Ask for others."
        client.ask(StylesQuestion("one"), "styles")
        assert ears.wait(Answer, lambda answer: answer.done)


def test_a_question_that_kills_the_engine_is_put_aside() -> None:
    with engine() as (client, ears):
        client.ask(StylesQuestion("poison"), "styles")
        failure = ears.wait(Failure, seconds=90)
        assert failure.key == "styles"
        client.ask(StylesQuestion("one"), "other")
        assert ears.wait(Answer, lambda answer: answer.done and answer.key == "other")


def test_an_engine_that_cannot_be_started_is_told_and_not_tried_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[float] = []

    def refuse(*_: object) -> None:
        tries.append(time.monotonic())
        raise OSError("Resource temporarily unavailable")

    monkeypatch.setattr("engine.live.ProcessLink", refuse)
    with engine() as (_, ears):
        failed = ears.wait(EngineStatus, lambda status: status.state == "failed", 90)
        assert "three times" in failed.message
        restarting = [s for s in ears.all(EngineStatus) if s.state == "restarting"]
        assert "could not be started" in restarting[0].message
        assert len(tries) == 3


def test_a_long_silent_question_is_no_hanging() -> None:
    with engine(patience={"render": 1.0}) as (client, ears):
        ears.wait(EngineStatus, lambda s: s.state == "ready")
        stamp = client.ask(StylesQuestion("ponder"), "styles")
        ears.wait(Answer, lambda a: a.stamp == stamp and a.done)
        assert not [s for s in ears.all(EngineStatus) if s.state == "restarting"]
