"""Verdicts: what is said, and when nothing is said and why. What comes in as files is tested in `test_verify_command`.

The detectors here score the brightness or the sharpness of a face, and the finder finds a face where a test wants one: so every verdict
can be brought about.
"""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib import deepfake
from course_lib.deepfake import judging
from course_lib.deepfake.calibrate import Calibration, Cases, CaseTable
from course_lib.deepfake.detector import Box
from course_lib.deepfake.judging import GENUINE, MANIPULATED, UNSURE, Moment, frames_interval, verdict
from course_lib.deepfake.profile import Profile
from course_lib.deepfake.quality import sharpness
from course_lib.models.checkpoints import CheckpointError

DIGEST = "0123456789ab" + "0" * 52
PROFILE = Profile(
    detector="stub",
    sha256=DIGEST,
    calibration=Calibration(1.0, 0.0, "platt", 90),
    cases=CaseTable((-1.0, 1.0), (3, 10, 29), (30, 30, 30)),
    low=0.1,
    high=0.9,
    least_side=64,
    least_sharpness=0.0,
    scope="faces that look at us.",
    reference={"score": [0.0]},
)
FACE = Box(32, 23, 96)  # of a picture of 160 x 160


class Stub:
    """A detector whose logits are what a function makes of crops (N, 3, 128, 128)."""

    name, sha256 = "stub", DIGEST

    def __init__(self, logits):
        self.logits, self.asked = logits, []

    def scores(self, crops):
        assert crops.shape[1:] == (3, 128, 128)
        self.asked.append(len(crops))
        return self.logits(crops)


def by_brightness(crops):
    """0 for middle gray, and 4 more for each tenth: P is .98 at .6 and .02 at .4."""
    return 40 * (crops.mean(dim=(1, 2, 3)) - 0.5)


def picture(level, size=160):
    """A picture with a mean of this level, and with some texture."""
    texture = torch.randn(3, size, size, generator=torch.Generator().manual_seed(1)) * 0.02
    return (texture - texture.mean() + level).clamp(0, 1)


def film(levels):
    """Frames (T, 3, H, W); a frame of level 0 has no face."""
    return torch.stack([picture(level) if level else torch.zeros(3, 160, 160) for level in levels])


def boxes_of(*boxes):
    """A finder that finds these boxes, if they are large enough, in every picture that is not black."""
    return lambda rgb, least=48: [box for box in boxes if box.side >= least and rgb.float().mean() > 0.05]


@pytest.fixture(autouse=True)
def finder(monkeypatch):
    """Every picture that is not black has one face, unless the test puts another finder in."""
    monkeypatch.setattr(judging, "find_faces", boxes_of(FACE))
    return lambda *boxes: monkeypatch.setattr(judging, "find_faces", boxes_of(*boxes))


def judge(source, logits=by_brightness, profile=PROFILE, **options):
    return verdict(source, detector=Stub(logits), profile=profile, **options)


def why(found):
    """The one reason of an unsure verdict."""
    assert found.answer == UNSURE
    assert len(found.reasons) == 1
    return found.reasons[0]


# ---- a picture


@pytest.mark.parametrize(("level", "answer"), [(0.4, GENUINE), (0.6, MANIPULATED)])
def test_a_picture_is_judged(level, answer):
    found = judge(picture(level))
    assert (found.answer, found.reasons) == (answer, ())
    assert found.score == pytest.approx(by_brightness(picture(level)[None]).item(), abs=0.2)
    assert found.probability == pytest.approx(1 / (1 + math.exp(-found.score)))
    assert (found.faces, found.frames, found.base_rate, found.interval) == (1, 1, 0.5, None)
    assert found.version == {"name": "stub", "sha256": "0123456789ab"}
    assert found.scope == PROFILE.scope
    assert found.timeline == (Moment(0.0, found.score, found.probability),)
    assert found.quality.side == 96
    assert found.reencoded == pytest.approx(found.probability, abs=0.02)


def test_how_many_cases_had_such_a_score():
    assert judge(picture(0.6)).cases[:2] == (29, 30)
    assert judge(picture(0.4)).cases[:2] == (3, 30)
    assert isinstance(judge(picture(0.5)).cases, Cases)


def test_the_calibration_makes_the_probability():
    found = judge(picture(0.6), profile=replace(PROFILE, calibration=Calibration(0.5, 0.7, "platt", 90)))
    assert found.probability == pytest.approx(1 / (1 + math.exp(-0.5 * found.score - 0.7)))


def test_the_thresholds_belong_to_the_answers():
    same = judge(picture(0.6)).probability
    assert judge(picture(0.6), profile=replace(PROFILE, high=same)).answer == MANIPULATED
    assert judge(picture(0.6), profile=replace(PROFILE, high=math.nextafter(same, 1))).answer == UNSURE
    same = judge(picture(0.4)).probability
    assert judge(picture(0.4), profile=replace(PROFILE, low=same)).answer == GENUINE
    assert judge(picture(0.4), profile=replace(PROFILE, low=math.nextafter(same, 0))).answer == UNSURE


def test_the_base_rate_shifts_by_the_rule_of_bayes_and_the_answer_follows():
    half, rare = judge(picture(0.57)), judge(picture(0.57), base_rate=0.01)
    odds = half.probability / (1 - half.probability) / 99
    assert rare.probability == pytest.approx(odds / (1 + odds))
    assert (half.answer, rare.answer, rare.base_rate) == (MANIPULATED, UNSURE, 0.01)
    assert judge(picture(0.53), base_rate=0.99).answer == MANIPULATED


@settings(deadline=None, max_examples=30)
@given(level=st.floats(0.3, 0.7), base_rate=st.floats(0.001, 0.999))
def test_whatever_the_picture(level, base_rate):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judging, "find_faces", boxes_of(FACE))
        found = judge(picture(level), base_rate=base_rate)
    assert 0 < found.probability < 1
    assert (found.answer == UNSURE) == bool(found.reasons)
    if found.answer != UNSURE:
        assert found.probability >= 0.9 if found.answer == MANIPULATED else found.probability <= 0.1
    assert json.loads(json.dumps(found.as_dict(), allow_nan=False)) == found.as_dict()
    assert found.text().startswith(
        {GENUINE: "Genuine", UNSURE: "Unsure, because ", MANIPULATED: "Manipulated"}[found.answer]
    )


def test_the_largest_face_is_judged_and_all_are_counted(finder):
    both = picture(0.4)
    both[:, :, :80] = picture(0.6)[:, :, :80]
    finder(Box(0, 0, 78), Box(82, 0, 70))
    found = judge(both)
    assert (found.answer, found.faces, found.quality.side) == (MANIPULATED, 2, 78)


# ---- when nothing is said


def test_between_the_thresholds_nothing_is_said():
    found = judge(picture(0.5))
    assert "between 10 %, up to which the answer is genuine, and 90 %" in why(found)
    assert found.probability == pytest.approx(0.5, abs=0.05)


def test_no_face(finder):
    found = judge(torch.zeros(3, 160, 160))
    assert why(found) == "no face was found that looks at us"
    assert found.timeline == (Moment(0.0, None, None),)
    assert (found.faces, found.frames) == (0, 1)
    for unknown in (found.probability, found.interval, found.cases, found.quality, found.score, found.reencoded):
        assert unknown is None


def test_a_face_too_small_is_another_matter_than_none(finder):
    finder(Box(60, 60, 40), Box(0, 0, 30))
    found = judge(picture(0.6))
    assert why(found) == "the face is too small: 40 pixels wide, and 64 are the least"
    assert (found.probability, found.faces) == (None, 2)
    finder(Box(60, 60, 64))
    assert judge(picture(0.6)).answer == MANIPULATED


def test_a_face_that_only_shrinks_below_the_least(finder, monkeypatch):
    monkeypatch.setattr(judging, "find_faces", lambda rgb, least: [Box(60, 60, 40)])
    found = judge(picture(0.6))
    assert "too small: 40 pixels" in why(found)
    assert (found.probability, found.cases, found.reencoded) == (None, None, None)
    assert found.timeline == (Moment(0.0, found.score, None),)


def test_a_blurred_face():
    sharp = judge(picture(0.6)).quality.sharpness
    assert judge(picture(0.6), profile=replace(PROFILE, least_sharpness=sharp)).answer == MANIPULATED
    found = judge(picture(0.6), profile=replace(PROFILE, least_sharpness=1.01 * sharp))
    assert "the face is too blurred" in why(found)
    assert found.probability is None
    assert found.quality.sharpness == sharp
    assert judge(torch.full((3, 160, 160), 0.6), profile=replace(PROFILE, least_sharpness=1.0)).quality.sharpness < 1e-3


def test_an_answer_that_flips_when_the_face_is_encoded_again():
    fine = judge(picture(0.5), logits=lambda crops: sharpness(crops) / 4 - 5)
    assert fine.score > 2.2
    assert "re-encoded, the same face gets" in fine.reasons[0]
    assert fine.answer == UNSURE
    assert fine.probability > 0.9
    assert fine.reencoded < 0.1


# ---- a film


def test_a_film_is_judged_by_the_mean_of_its_frames():
    found = judge(film([0.58, 0.6, 0.62, 0.6, 0.58, 0.61, 0.6, 0.59]), rate=4)
    assert found.answer == MANIPULATED
    assert found.score == pytest.approx(np.mean([moment.score for moment in found.timeline]))
    assert [moment.seconds for moment in found.timeline] == [place / 4 for place in range(8)]
    low, high = found.interval
    assert 0.5 < low < found.probability < high < 1
    ends = frames_interval([moment.score for moment in found.timeline])
    assert found.interval == pytest.approx([1 / (1 + math.exp(-end)) for end in ends])
    assert judge(film([0.4] * 8)).answer == GENUINE


def test_frames_that_disagree():
    found = judge(film([0.4] * 8 + [0.6] * 8))
    assert "the frames disagree" in found.reasons[0]
    assert found.interval[0] < 0.1
    assert found.interval[1] > 0.9
    # The mean alone would be an answer.
    found = judge(film([0.65, 0.64, 0.63, 0.62, 0.45, 0.42, 0.62, 0.65]))
    assert found.probability > 0.9
    assert "the frames disagree" in why(found)


def test_a_film_that_is_genuine_but_for_a_part(finder):
    levels = [0.35] * 32
    levels[20:23] = [0.6] * 3
    found = judge(film(levels), rate=2)
    assert found.probability < 0.1
    assert found.interval[1] < 0.5
    assert "from 0:10 to 0:11 the face seems manipulated" in why(found)
    levels[22] = 0.35  # two in a row may be chance
    assert judge(film(levels), rate=2).answer == GENUINE
    mostly = [0.65] * 32
    mostly[20:23] = [0.4] * 3
    assert judge(film(mostly)).answer == MANIPULATED  # a part is enough


def test_frames_without_a_face_are_left_out():
    found = judge(film([0, 0, 0.6, 0.6, 0.6, 0, 0.6, 0.6, 0]))
    assert found.answer == MANIPULATED
    assert [moment.score is None for moment in found.timeline] == [
        True,
        True,
        False,
        False,
        False,
        True,
        False,
        False,
        True,
    ]
    assert (found.frames, found.faces) == (9, 1)


@pytest.mark.parametrize(
    ("shown", "frames", "enough"), [(3, 16, False), (4, 16, True), (2, 4, True), (1, 4, False), (1, 2, True)]
)
def test_a_face_in_few_frames_may_be_a_mistake(shown, frames, enough):
    found = judge(film([0.6] * shown + [0] * (frames - shown)))
    if enough:
        assert found.answer == MANIPULATED
    else:
        assert why(found) == f"no face was found in more than {shown} of {frames} frames, which may be a mistake"
        assert (found.probability, found.quality) == (None, None)


def test_few_frames_have_no_interval():
    assert judge(film([0.6] * 3)).interval is None
    assert judge(film([0.6] * 4)).interval is not None


def test_a_face_that_leaps_is_followed(monkeypatch):
    """In one frame it is elsewhere, where a box steadied over frames would not be; bright is only where it is."""
    frames, boxes = torch.full((9, 3, 160, 240), 0.4), [Box(20, 20, 100)] * 9
    boxes[4] = Box(130, 20, 100)
    for frame, box in zip(frames, boxes, strict=True):
        frame[:, :, box.left : box.left + 100] = 0.6
    places = iter(boxes)
    monkeypatch.setattr(judging, "find_faces", lambda rgb, least: [next(places)])
    assert min(moment.score for moment in judge(frames).timeline) > 3.9


def test_a_wrong_box_is_steadied(monkeypatch):
    boxes = [Box(30, 20, 80)] * 9
    boxes[4] = Box(42, 26, 80)
    places = iter(boxes)
    monkeypatch.setattr(judging, "find_faces", lambda rgb, least: [next(places)])
    seen = []
    monkeypatch.setattr(judging, "face_region", lambda box: seen.append(box) or box)
    judge(film([0.6] * 9))
    assert seen == [Box(30, 20, 80)] * 9


def test_how_many_faces_a_film_shows():
    one, two = [FACE], [FACE, Box(0, 0, 64)]
    assert judging._together([one] * 8 + [[]] * 10 + [two]) == 1
    assert judging._together([one] * 6 + [two] * 2) == 2
    assert judging._together([two]) == 2


# ---- the interval


def test_the_interval_of_frames_that_do_not_follow_each_other():
    scores = [1.0, -1.0] * 16  # neighbors are opposite: they count as all 32
    half = 2.0395 * math.sqrt(32 / 31 / 32)
    assert frames_interval(scores) == pytest.approx((-half, half), abs=1e-4)
    assert frames_interval([1, 2, 3]) is None
    assert frames_interval([5.0] * 8) == (5.0, 5.0)


def test_frames_that_follow_each_other_say_less():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=32)
    width = np.diff(frames_interval(scores))
    assert np.diff(frames_interval(np.sort(scores))) > 5 * width


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.8])
def test_how_often_the_interval_holds_the_mean(alike):
    rng = np.random.default_rng(7)
    series = [rng.normal(size=600)]
    for _ in range(31):
        series.append(alike * series[-1] + math.sqrt(1 - alike**2) * rng.normal(size=600))
    ends = np.array([frames_interval(scores) for scores in np.stack(series, axis=1)])
    assert 0.86 < ((ends[:, 0] < 0) & (ends[:, 1] > 0)).mean() < 0.98


@settings(deadline=None)
@given(scores=st.lists(st.floats(-20, 20), min_size=4, max_size=40), by=st.floats(-5, 5), times=st.floats(0.1, 3))
def test_the_interval_moves_and_grows_with_the_scores(scores, by, times):
    low, high = frames_interval(scores)
    assert low <= np.mean(scores) + 1e-9
    assert high >= np.mean(scores) - 1e-9
    moved = frames_interval([by + times * score for score in scores])
    assert moved == pytest.approx((by + times * low, by + times * high), abs=0.02 * (1 + high - low))


# ---- what belongs together


def test_a_profile_of_another_network_is_refused():
    with pytest.raises(CheckpointError, match="other weights"):
        judge(picture(0.6), profile=replace(PROFILE, sha256="f" * 64))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_detector_without_numbers_is_an_error(value):
    with pytest.raises(CheckpointError, match="gives no numbers"):
        judge(picture(0.6), logits=lambda crops: torch.full((len(crops),), value))


@pytest.mark.parametrize(
    "wrong",
    [{"base_rate": r} for r in (0, 1, -1, math.nan)] + [{"frames": n} for n in (0, 257, 1.5, math.inf)] + [{"rate": 0}],
)
def test_options_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).replace("_", " ")):
        judge(picture(0.6), **wrong)


def test_the_checkpoint_and_its_profile_are_taken_by_default(monkeypatch):
    monkeypatch.setattr(judging, "load_detector", lambda: Stub(by_brightness))
    asked = []
    monkeypatch.setattr(judging, "read_profile", lambda name, sha256: asked.append((name, sha256)) or PROFILE)
    assert deepfake.verdict(picture(0.6)).answer == MANIPULATED
    assert asked == [("stub", DIGEST)]


def test_the_public_name_is_light_and_stays_a_function():
    code = (
        "import sys; from course_lib import deepfake; assert 'torch' not in sys.modules\n"
        "import course_lib.deepfake.judging; assert callable(deepfake.verdict) and deepfake.Verdict"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    with pytest.raises(AttributeError, match="no attribute 'verdicts'"):
        _ = deepfake.verdicts
