"""A verdict as data and in words, and the words for saying nothing."""

import json
import math
from dataclasses import replace

import pytest
import torch

from course_lib.deepfake import judging, monitor, verdict_text
from course_lib.deepfake.finding import Box
from course_lib.deepfake.judging import Moment
from tests.deepfake.test_verdict import FACE, PROFILE, boxes_of, film, judge, picture

KEYS = [
    "answer", "probability", "interval", "reasons", "cases", "faces", "frames", "base_rate", "version", "scope", "timeline", "quality",
    "score", "reencoded",
]  # fmt: skip


@pytest.fixture(autouse=True)
def finder(monkeypatch):
    """Every picture that is not black has one face, unless the test puts another finder in."""
    monkeypatch.setattr(judging, "find_faces", boxes_of(FACE))
    return lambda *boxes: monkeypatch.setattr(judging, "find_faces", boxes_of(*boxes))


def test_the_record_as_plain_data(finder):
    for found in (judge(picture(0.6)), judge(film([0.6] * 6)), judge(torch.zeros(3, 160, 160)), judge(picture(0.5))):
        plain = found.as_dict()
        assert list(plain) == KEYS
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["cases"].keys() == {"fake", "all", "low", "high"}
    assert plain["timeline"][0].keys() == {"seconds", "score", "probability"}
    assert plain["quality"].keys() == {"side", "sharpness", "compression"}
    assert plain["version"] == {"name": "stub", "sha256": "0123456789ab"}


def test_no_number_that_json_lacks():
    found = replace(judge(picture(0.6)), probability=math.nan, interval=(math.inf, 0.123456789), quality=None)
    assert found.as_dict()["probability"] is None
    assert found.as_dict()["interval"] == [None, 0.123457]


def test_the_words_about_a_film():
    found = judge(film([0, 0] + [0.6, 0.59, 0.62, 0.58, 0.61] * 2), rate=0.1, base_rate=0.2)
    text = found.text()
    words = " ".join(text.split())
    assert text.splitlines()[0] == "Manipulated, as far as this detector can tell."
    assert "manipulated: 93 %, if 20 % of all such films are. By its frames, between" in words
    assert (
        "Of 30 test pictures of faces with a score like this, half of all being fakes, 29 were fakes (83 % to" in words
    )
    assert "Looked at: the face, 96 pixels wide, found in 10 of 12 frames." in words
    assert "0:00 |..9" in text
    assert "| 1:50" in text
    assert "Detector: stub, version 0123456789ab. Made for: faces that look at us." in words
    assert "no proof" in text
    assert len(text.splitlines()) <= 14
    assert max(map(len, text.splitlines())) <= 100
    assert text.isascii()
    assert not any(line.strip().startswith("%") for line in text.splitlines())


def test_the_words_about_a_picture_without_a_verdict(finder):
    text = judge(torch.zeros(3, 160, 160)).text()
    assert text.startswith("Unsure, because no face was found that looks at us.\nNo probability is given")
    assert "Looked at" not in text
    finder(FACE, Box(0, 0, 70))
    text = judge(picture(0.5)).text()
    assert "if half of all such pictures are." in text
    assert "the largest of 2 faces, and only that, 96 pixels" in text
    assert "|" not in text


def test_a_line_for_a_film():
    moments = [
        Moment(0.0, None, None),
        Moment(1.0, 2.0, None),
        *(Moment(2.0 + p, 0.0, p) for p in (0.0, 0.09, 0.1, 0.55, 0.999)),
    ]
    found = replace(judge(film([0.6] * 7)), timeline=(*moments, Moment(3700.0, 9.0, 1 - 1e-13)))
    line, signs = verdict_text._timeline(found)
    assert line == "0:00 |.?001599| 1:01:40"
    assert "? a face without one" in signs


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "less than 1 %"), (0.0099, "less than 1 %"), (0.5, "50 %"), (0.99, "99 %"), (0.9999, "more than 99 %")],
)
def test_nothing_is_certain(share, words):
    assert verdict_text.percent(share) == words


def test_reasons_are_told_apart_by_their_words(finder):
    """The log keeps words from a short list in the place of sentences."""
    quality, small = judge(picture(0.6)).quality, replace(PROFILE, least_side=200, least_sharpness=1e9)
    numbers = {"probability": 0.6, "interval": (0.01, 0.99), "reencoded": 0.1}
    reasons = verdict_text.outside(quality, small) + verdict_text.doubts(PROFILE, numbers, ())
    reasons += [verdict_text.no_face(0, 1), verdict_text.no_face(2, 9)]
    words = "too small", "too blurred", "frames disagree", "flips when re-encoded", "between the thresholds"
    assert [monitor._reason(reason) for reason in reasons] == [*words, "no face", "no face"]


# ---- why nothing is said


@pytest.mark.parametrize(
    ("after", "flips"),
    [(0.06, True), (0.3, True), (0.49, True), (0.51, False), (0.95, False)],
)
def test_what_counts_as_a_flip(after, flips):
    """From .95: to the other answer, or far over the middle."""
    numbers = {"probability": 0.95, "interval": None, "reencoded": after}
    assert bool(verdict_text.doubts(PROFILE, numbers, ())) is flips
    numbers = {"probability": 0.05, "interval": None, "reencoded": 1 - after}
    assert bool(verdict_text.doubts(PROFILE, numbers, ())) is flips


def test_a_small_step_over_the_middle_is_no_flip():
    near = replace(PROFILE, low=0.49, high=0.6)
    assert verdict_text.doubts(near, {"probability": 0.7, "interval": None, "reencoded": 0.53}, ()) == []
    assert verdict_text.doubts(near, {"probability": 0.9, "interval": None, "reencoded": 0.55}, ()) == []
    assert len(verdict_text.doubts(near, {"probability": 0.9, "interval": None, "reencoded": 0.5}, ())) == 1


def test_the_other_answer_is_a_flip_however_near():
    near = replace(PROFILE, low=0.49, high=0.6)
    assert len(verdict_text.doubts(near, {"probability": 0.62, "interval": None, "reencoded": 0.48}, ())) == 1


def test_thresholds_that_differ_from_one_half_move_the_middle():
    strict = replace(PROFILE, low=0.02, high=0.2)
    assert verdict_text.doubts(strict, {"probability": 0.45, "interval": (0.2, 0.7), "reencoded": 0.4}, ()) == []
    assert len(verdict_text.doubts(strict, {"probability": 0.45, "interval": (0.1, 0.7), "reencoded": 0.4}, ())) == 1
