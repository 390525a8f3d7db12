"""Is this face genuine, and how sure are we? One record for a picture or a film, that says nothing where nothing can be said.

`verdict` is public as ``course_lib.deepfake.verdict``; that is why this module has another name.
"""

import math
import os
import statistics
import warnings
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

from course_lib.color import PictureError
from course_lib.data.images import FORMATS, as_image, read_image
from course_lib.deepfake.blend import through_jpeg
from course_lib.deepfake.detector import load_detector
from course_lib.deepfake.finding import Box, crop_face, cut_out, face_region, find_faces, track
from course_lib.deepfake.profile import read_profile
from course_lib.deepfake.quality import Quality, measure
from course_lib.deepfake.verdict_text import (
    GENUINE,
    MANIPULATED,
    UNSURE,
    Moment,
    Verdict,
    answer_to,
    doubts,
    no_face,
    outside,
    too_small,
)
from course_lib.models.checkpoints import CheckpointError
from course_lib.video.containers import is_cut_off
from course_lib.video.errors import VideoError
from course_lib.video.pixels import ToPicture
from course_lib.video.reading import DEFAULT_RATE, check_file, open_container, open_film

__all__ = ["GENUINE", "MANIPULATED", "UNSURE", "Moment", "Verdict", "frames_interval", "verdict"]

FRAMES, MOST_FRAMES = 32, 256
MOST_PIXELS = 25_000_000  # of a picture: larger ones are reduced to this
FRAME_PIXELS = 1920 * 1080  # of a frame: the same
LEAST_FRAMES = 4  # with a face: of a film, if it has twice as many; and for an interval
SMALLER, JPEG = 0.75, 60  # how a face is encoded again
TINY, TINY_LOOKS = 24, 3  # pixels of faces, and frames, that are looked through where no face was found: to say why
STEADY = 0.2  # sides: a steadied box that is farther from the found one is not taken, since the face has moved
_ANIMATIONS = ("GIF", "PNG")  # that can be read as films
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_AGAIN = "Copy or download it again."


@torch.no_grad()
def verdict(source, *, detector=None, profile=None, base_rate=0.5, frames=FRAMES, rate=DEFAULT_RATE):
    """Say whether a face has been manipulated, how sure that is, and what it rests on; or say why it cannot be said.

    The answer is "genuine" up to a probability of ``profile.low`` and "manipulated" from ``profile.high`` on. It is "unsure" between them,
    without a face, for a face that is too small or too blurred, when the frames of a film disagree, and when the answer would be another
    once the face is reduced to three quarters and saved as JPEG 60, as happens to most pictures on their way.

    The cascade that looks for faces now and then takes something else for one. A film must show its face in 4 of the frames that are looked
    at, or in half of them if they are fewer than 8.

    Frames disagree when the interval of their mean score reaches over both thresholds, or from the answer over the middle between them; and
    when a film seems genuine as a whole, but three frames in a row that were looked at seem manipulated.

    Parameters
    ----------
    source : path, tensor or array
        The file of a picture or a film; a picture (3, H, W) or the frames (T, 3, H, W) of a film, sRGB in [0, 1] or uint8. Animated GIF and
        PNG are films. Of a film the whole is decoded, in constant memory.
    detector : Detector, optional
        The checkpoint "faces-detector" by default.
    profile : Profile, optional
        The one of the detector by default.
    base_rate : float
        The share of manipulated cases among those that are asked about, inside of (0, 1). The probability follows it by Bayes' rule, and
        the answer follows the probability.
    frames : int
        How many frames of a film are looked at, at most, spread evenly: 1 to 256.
    rate : number
        Frames per second of a tensor.

    Returns
    -------
    Verdict
        About the largest face; in a film, about the one that is seen longest and largest.

    Raises
    ------
    PictureError, VideoError
        The source cannot be read: it never becomes a probability.
    CheckpointError
        The detector or its profile is missing or damaged, or they do not belong together.
    ValueError
        An option makes no sense.
    """
    _check_options(base_rate, frames, rate)
    detector = detector or load_detector()
    profile = profile or read_profile(detector.name, sha256=detector.sha256)
    if profile.sha256 != detector.sha256:
        raise CheckpointError(f"The profile belongs to other weights than those of {detector.name}. Load both anew.")
    return _Judge(detector, profile, base_rate).judge(_look(source, int(frames), rate))


def _check_options(base_rate, frames, rate):
    if not 0 < base_rate < 1:
        raise ValueError(f"The base rate is {base_rate}: the share of manipulated cases lies above 0 and below 1.")
    if not (1 <= frames <= MOST_FRAMES and frames == int(frames)):
        raise ValueError(f"frames is {frames}: from 1 to {MOST_FRAMES} frames of a film can be looked at.")
    if not 0 < rate < math.inf:
        raise ValueError(f"rate is {rate}: frames per second are above 0.")


class _Judge:
    """Says what pictures of one face are worth, by one detector and its profile."""

    def __init__(self, detector, profile, base_rate):
        self.detector, self.profile, self.base_rate = detector, profile, base_rate

    def judge(self, looks):
        """The `Verdict` on a list of (seconds, picture)."""
        found = [find_faces(rgb, max(TINY, self.profile.least_side)) for _, rgb in looks]
        boxes = _follow(found)
        seen = [(rgb, face_region(box)) for (_, rgb), box in zip(looks, boxes, strict=True) if box is not None]
        if len(seen) < min(LEAST_FRAMES, math.ceil(len(looks) / 2)):
            return self._no_face(looks, len(seen))
        scores = self._scores(crop_face(rgb, box) for rgb, box in seen)
        quality = Quality(*map(statistics.median, zip(*(measure(rgb, box) for rgb, box in seen), strict=True)))
        reasons = outside(quality, self.profile)
        score = statistics.fmean(scores)
        numbers = {"probability": None, "interval": None, "cases": None, "reencoded": None}
        if not reasons:
            again = self._scores(_encoded_again(rgb, box) for rgb, box in seen)
            numbers = self._numbers(score, scores, statistics.fmean(again))
        timeline = self._timeline(looks, boxes, scores, with_probability=not reasons)
        reasons = reasons or doubts(self.profile, numbers, timeline)
        answer = UNSURE if reasons else answer_to(numbers["probability"], self.profile)
        return self._record(answer, reasons, timeline, faces=_together(found), quality=quality, score=score, **numbers)

    def _scores(self, crops):
        scores = self.detector.scores(torch.stack(list(crops))).tolist()
        if not all(map(math.isfinite, scores)):
            raise CheckpointError(f"{self.detector.name} gives no numbers: its weights are damaged. Load it anew.")
        return scores

    def _probability(self, score):
        return float(self.profile.calibration.probability(score, self.base_rate))

    def _numbers(self, score, scores, again):
        ends = frames_interval(scores)
        return {
            "probability": self._probability(score),
            "interval": None if ends is None else tuple(map(self._probability, ends)),
            "cases": self.profile.cases.like(score),
            "reencoded": self._probability(again),
        }

    def _timeline(self, looks, boxes, scores, with_probability):
        scores = iter(scores)
        moments = []
        for (seconds, _), box in zip(looks, boxes, strict=True):
            score = None if box is None else next(scores)
            given = score is not None and with_probability
            moments.append(Moment(float(seconds), score, self._probability(score) if given else None))
        return tuple(moments)

    def _record(self, answer, reasons, timeline, **known):
        version = {"name": self.detector.name, "sha256": self.detector.sha256[:12]}
        return Verdict(
            answer=answer, reasons=tuple(reasons), timeline=timeline, frames=len(timeline), base_rate=float(self.base_rate),
            version=version, scope=self.profile.scope, **known,
        )  # fmt: skip

    def _no_face(self, looks, seen):
        """Nothing was found, or in so few frames that it may be no face. One that is too small to be judged is another matter."""
        every = max(1, math.ceil(len(looks) / TINY_LOOKS))
        tiny = [] if seen else [find_faces(rgb, TINY) for _, rgb in looks[::every]]
        side = max((boxes[0].side for boxes in tiny if boxes), default=0)
        reason = too_small(side, self.profile) if 0 < side < self.profile.least_side else no_face(seen, len(looks))
        timeline = self._timeline(looks, [None] * len(looks), [], with_probability=False)
        known = dict.fromkeys(("probability", "interval", "cases"))
        return self._record(UNSURE, [reason], timeline, faces=max(map(len, tiny), default=0), **known)


def frames_interval(scores):
    """The 95 % interval of the mean score of a film, from some of its frames.

    Frames are not independent: a face that scores high does so in the next frame too. The frames count as the ``n (1 - r) / (1 + r)``
    independent ones that would say as much (F. Zwiers and H. von Storch, Taking serial correlation into account in tests of the mean,
    1995), with r the correlation of neighbors, corrected for its bias in short series (F. Marriott and J. Pope, Bias in the
    estimation of autocorrelations, 1954) and not below 0. Their mean has a t interval with as many degrees of freedom, less one, and not
    fewer than 2.

    We tried a moving-block bootstrap too. On simulated films of 32 frames whose neighbors correlate by 0, .5, .8 and .9 its intervals held
    the mean in 86, 80, 63 and 45 of 100, those that take frames for independent in 95, 78, 48 and 31, and these in 96, 92, 89 and 87.

    Parameters
    ----------
    scores : sequence of float
        In the order of the frames.

    Returns
    -------
    (float, float) or None
        None for fewer than `LEAST_FRAMES`.
    """
    count = len(scores)
    if count < LEAST_FRAMES:
        return None
    from scipy import stats  # takes a while, and pictures need none of it

    scores = np.asarray(scores, dtype=np.float64)
    mean, apart = scores.mean(), scores - scores.mean()
    squares = float(apart @ apart)
    alike = float(apart[1:] @ apart[:-1]) / squares if squares > 0 else 0.0
    alike = min(max(alike + (1 + 3 * alike) / count, 0.0), 1 - 1 / count)
    independent = max(count * (1 - alike) / (1 + alike), 2.0)
    half = stats.t.ppf(0.975, max(independent - 1, 2)) * math.sqrt(squares / (count - 1) / independent)
    return float(mean - half), float(mean + half)


# ---- the face


def _follow(found):
    """The box of one face in each frame, None where it was not found: what `track` bridges is no evidence, since frames lie far apart."""
    own, steady = track(found, window=1), track(found)
    followed = []
    for boxes, box, calm in zip(found, own, steady, strict=True):
        if box not in boxes:
            followed.append(None)
        else:
            moved = max(abs(a - b) for a, b in zip(box, calm, strict=True))
            followed.append(calm if moved <= STEADY * box.side else box)
    return followed


def _together(found):
    """How many faces are seen together in at least a quarter of the frames that show one."""
    counts = sorted((len(boxes) for boxes in found if boxes), reverse=True)
    return counts[math.ceil(len(counts) / 4) - 1]


def _encoded_again(rgb, box):
    """A face as it is when somebody has passed the picture on: reduced, and saved as JPEG."""
    own = cut_out(rgb, box)
    side = max(8, round(SMALLER * own.shape[-1]))
    small = crop_face(own, Box(0, 0, own.shape[-1]), side)
    saved = through_jpeg(np.ascontiguousarray(small.movedim(0, -1).numpy()), JPEG)
    return crop_face(torch.from_numpy(saved).movedim(-1, 0), Box(0, 0, side))


# ---- what is looked at


def _look(source, count, rate):
    """The picture, or frames spread evenly over the film: a list of (seconds, (3, H, W))."""
    if isinstance(source, (torch.Tensor, np.ndarray)):
        if source.ndim != 4:
            return [(0.0, as_image(source))]
        if not len(source):
            raise PictureError("There is not a single frame. Give one picture (3, H, W), or frames (T, 3, H, W).")
        return [(float(row / rate), as_image(source[row])) for row in _spread(len(source), count)]
    if isinstance(source, Image.Image):
        return [(0.0, as_image(source))]
    if not isinstance(source, (str, os.PathLike)):
        raise PictureError(f"Expected a path, a tensor or an array, got {type(source).__name__}. Give one of those.")
    path = _check_path(source)
    return _sample_film(path, count) if _is_film(path) else [(0.0, read_image(path, MOST_PIXELS))]


def _spread(length, count):
    """Numbers of at most ``count`` of ``length`` things, spread evenly."""
    count = min(length, count)
    return [(2 * place + 1) * length // (2 * count) for place in range(count)]


def _check_path(source):
    path = Path(os.fsdecode(source)).expanduser()
    if path.is_dir():
        raise PictureError(f"{path} is a folder. Name one picture or film in it.")
    return check_file(source)


def _is_film(path):
    """Whether a file is to be read as a film; an error if it is neither that nor a picture, or can only be taken for the wrong one."""
    kind, moves = _picture_kind(path)
    if kind is not None:
        if moves and kind in ("WEBP", "AVIF"):
            raise PictureError(f"{path} is an animation in {kind}, which cannot be read. Convert it to MP4 or GIF.")
        return moves and kind in _ANIMATIONS
    try:
        with open_container(path):
            return True
    except VideoError as error:
        if Image.registered_extensions().get(path.suffix.lower()) in FORMATS:
            return False  # `read_image` says what is wrong with it
        if error.__cause__ is None or is_cut_off(path):
            raise
        raise VideoError(
            f"{path} is neither a picture nor a film that can be read. Use JPEG, PNG, WebP, MP4, MOV, MKV or WebM; or get it again."
        ) from error


def _picture_kind(path):
    """What Pillow calls a picture with a signature, and whether it moves; (None, False) for other files."""
    with open(path, "rb") as file:
        start = file.read(12)
    if start[4:8] == b"ftyp" and start[8:] in _HEIF:  # decoders of films take a tile of such a photograph for a film
        raise PictureError(f"{path} is a HEIC picture, which cannot be read. Save it as JPEG or PNG.")
    Image.init()
    signed = [name for name in FORMATS if name in Image.OPEN and name != "TGA"]  # which has none
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path, formats=signed) as picture:
                return picture.format, _moves(picture)
        except Image.DecompressionBombError:
            return "huge", False
        except Exception:  # damaged files make Pillow raise nearly anything
            return None, False


def _moves(picture):
    try:
        return bool(getattr(picture, "is_animated", False))
    except Exception:
        return False


# ---- films


def _sample_film(path, count):
    """At most ``count`` frames, spread evenly: a list of (seconds, uint8 (3, H, W)).

    Only frames that may be taken are converted, and never more than twice as many are kept. How many there are is counted first without
    decoding; should there be more after all, every other frame that was kept is dropped, and only every other one kept from there on.
    """
    convert, step = ToPicture(_square_size(open_film(path))), max(1.0, _count_packets(path) / count)
    kept, wanted = [], step / 2
    for number, (seconds, frame) in enumerate(_decoded(path)):
        if number < int(wanted):
            continue
        kept.append((seconds, convert(frame)))
        wanted += step
        if len(kept) == 2 * count:
            kept, step = kept[::2], 2 * step
    return [kept[place] for place in _spread(len(kept), count)]


def _square_size(film):
    """The height and width of frames with square pixels, and not too many of them."""
    width = film.width * min(max(float(film.pixel_aspect), 0.25), 4.0)
    scale = min(1.0, math.sqrt(FRAME_PIXELS / (width * film.height)))
    return max(1, round(scale * film.height)), max(1, round(scale * width))


def _count_packets(path):
    """How many frames a film has, as its outline says; 0 if that is damaged."""
    with open_container(path) as (container, stream):
        try:
            return sum(packet.size > 0 for packet in container.demux(stream))
        except av.FFmpegError:
            return 0


def _decoded(path):
    """All frames of a film with their times: (seconds, av.VideoFrame). The times rise, whatever the file says."""
    if is_cut_off(path):
        raise VideoError(f"{path} is cut off: its end is missing. {_AGAIN}")
    with open_container(path) as (container, stream):
        step, first, last = 1 / float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE), None, None
        try:
            for frame in container.decode(stream):
                first = frame.time if first is None else first
                seconds = 0.0 if None in (frame.time, first) else frame.time - first
                last = seconds if last is None else max(seconds, last + step / 8) if seconds > last else last + step
                yield last, frame
        except av.EOFError:
            return
        except (av.FFmpegError, MemoryError) as error:
            raise VideoError(f"{path} is damaged ({error.strerror or error}). {_AGAIN}") from error
