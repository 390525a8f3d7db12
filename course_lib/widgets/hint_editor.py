"""What the hint tool knows, without a widget: a photograph, hints, their history, and what a network makes of them; and its files."""

from collections import deque
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F

from course_lib import budget, color, hints
from course_lib.color import PictureError
from course_lib.colorizing import (
    SIDE,
    colorize,
    hint_inputs,
    lightness_of,
    shrink,
)  # SIDE: `colorize` gives the saved picture again
from course_lib.data.images import as_image, read_image
from course_lib.data.photos import PHOTOS, photo
from course_lib.files import write_atomic
from course_lib.hints import Hints, HintsError, Point
from course_lib.suggesting import in_gamut_at, suggest

SHOWN = 512  # pixels of the longer side at which people see it
STEPS = 500  # that can be undone
KEPT = 24  # answers of the network, of 4 MB each
NOTHING = Hints()
FORBIDDEN = '/\\:*?"<>|'  # in names of files, on one system or another
NO_POINT = "Choose a point first: click on it, or take it from the list."


@dataclass(frozen=True, eq=False)
class Photo:
    """A photograph to be colorized.

    Attributes
    ----------
    name : str
        One of `PHOTOS`, or the stem of a file.
    rgb : tensor, (3, H, W)
        sRGB in [0, 1], in color or gray; only its lightness is used.
    """

    name: str
    rgb: torch.Tensor

    @cached_property
    def seen(self):
        """L as the network sees it, like `colorize` with a side of `SIDE`: (1, 1, h, w), sides multiples of 8."""
        return shrink(self._lightness, SIDE)

    @cached_property
    def shown(self):
        """L as people see it, the longer side `SHOWN` pixels: (1, 1, h, w)."""
        size = self.rgb.shape[-2:]
        size = tuple(max(1, round(length * SHOWN / max(size))) for length in size)
        return F.interpolate(self._lightness, size=size, mode="bilinear", antialias=True)

    @cached_property
    def _lightness(self):
        return lightness_of(self.rgb)[None]


@dataclass(frozen=True)
class State:
    """One moment: a photograph, the hints on it, and which point is chosen, counted from 0, or None."""

    photo: Photo
    hints: Hints = NOTHING
    selected: int | None = None


class HintEditor:
    """Hints that can be given, changed, taken back and given again.

    Parameters
    ----------
    network : HintNet
        With suggestions.
    photo : Photo
    given : Hints

    Notes
    -----
    Each change is one step of the history, opening another photograph too; choosing a point is none. The network runs once for
    hints that it has not seen lately, so that undo and redo cost nothing.
    """

    def __init__(self, network, photo, given=NOTHING):
        if not getattr(network, "arguments", {}).get("suggestions"):
            raise HintsError("The hint tool needs a HintNet that suggests colors. Make it with suggestions=True.")
        self.network = network.eval()
        self.state = State(photo, given)
        self.past, self.future = deque(maxlen=STEPS), deque(maxlen=STEPS)
        self._answer = lru_cache(KEPT)(self._ask)
        self._suggest = lru_cache(KEPT)(self._cluster)

    # ---- what is there

    @property
    def photo(self):
        """The photograph that is being colorized."""
        return self.state.photo

    @property
    def hints(self):
        """All hints that hold now."""
        return self.state.hints

    @property
    def point(self):
        """The chosen point, or None."""
        return None if self.state.selected is None else self.hints.points[self.state.selected]

    def find(self, row, column, reach):
        """The number of the point nearest to a place, no farther than ``reach`` as a share of the shorter side, or None."""
        height, width = self.photo.shown.shape[-2:]
        distances = [
            (((point.row - row) * height) ** 2 + ((point.column - column) * width) ** 2) ** 0.5
            for point in self.hints.points
        ]
        within = [number for number, far in enumerate(distances) if far <= reach * min(height, width)]
        return min(within, key=lambda number: (distances[number], -number), default=None)

    def lightness_at(self, row, column):
        """L of a place, as the network sees it."""
        return self.photo.seen[0, 0][hints.pixel_of(row, column, self.photo.seen.shape[-2:])].item()

    def color_of(self, point):
        """The color that a point shows, (a, b): its own, with as much chroma as sRGB has at the lightness of its place."""
        return self._possible(point.row, point.column, (point.a, point.b))

    def colored(self):
        """The colorized photograph as people see it: sRGB, (3, h, w)."""
        return color.join(self.photo.shown, self._answer(self.photo, self.hints).ab)[0]

    def gray(self):
        """The photograph without color as people see it: sRGB, (3, h, w)."""
        return color.join(self.photo.shown, torch.zeros(1, 2, *self.photo.shown.shape[-2:]))[0]

    def full_size(self):
        """The colorized photograph in all its pixels: sRGB, (3, H, W)."""
        return colorize(self.photo.rgb, self.network, self.hints, side=SIDE)

    def suggestions(self):
        """Likely colors at the chosen point, the most likely first: a list of `Suggestion`, empty where no point is chosen.

        They are what the network expects there from all the other hints: with the point itself it would only repeat its color.
        """
        if self.point is None:
            return []
        others = self.hints.remove(self.state.selected)
        return self._suggest(self.photo, others, self.point.row, self.point.column)

    # ---- changes

    def select(self, number):
        """Choose a point, counted from 0, or none of them with None."""
        if number is not None and not 0 <= number < len(self.hints.points):
            raise HintsError(f"There is no point {number + 1}. There are {len(self.hints.points)}.")
        self.state = replace(self.state, selected=number)

    def add(self, row, column):
        """Set a point of the most likely color and choose it."""
        Point(row, column, 0.0, 0.0)  # says what is wrong with a place before anything is made of it
        likely = self._suggest(self.photo, self.hints, row, column)[0]
        self._change(self.hints.add(Point(row, column, likely.a, likely.b)), len(self.hints.points))

    def move(self, row, column):
        """Bring the chosen point to another place. It keeps its color, even one that sRGB lacks there."""
        self._replace(replace(self._chosen(), row=row, column=column))

    def recolor(self, a, b):
        """Give the chosen point another color, or the nearest possible one of the same hue at the lightness of its place."""
        point = self._chosen()
        Point(point.row, point.column, a, b)  # says what is wrong with a color
        a, b = self._possible(point.row, point.column, (a, b))
        self._replace(replace(point, a=a, b=b))

    def remove(self):
        """Take the chosen point away; none is chosen then."""
        self._chosen()
        self._change(self.hints.remove(self.state.selected), None)

    def add_stroke(self, places):
        """Draw a border that no color crosses, through places (row, column)."""
        self._change(replace(self.hints, strokes=(*self.hints.strokes, tuple(places))))

    def extend_stroke(self, row, column):
        """Lead the last border on to one more place."""
        *before, last = self.hints.strokes or ((),)
        self._change(replace(self.hints, strokes=(*before, (*last, (row, column)))))

    def remove_stroke(self):
        """Take the last border away."""
        if not self.hints.strokes:
            raise HintsError("There is no border to remove.")
        self._change(replace(self.hints, strokes=self.hints.strokes[:-1]))

    def set_palette(self, colors):
        """Say which colors, (a, b), the picture should have; none takes the palette away."""
        self._change(replace(self.hints, palette=tuple(colors)))

    def reset(self):
        """Take all hints away."""
        self._change(NOTHING, None)

    def open(self, photo=None, given=NOTHING):
        """Go on with another photograph, or with other hints on the same one."""
        self._step(State(photo or self.photo, given))

    def undo(self):
        """Go back by one step; without one, nothing happens."""
        if self.past:
            self.future.append(self.state)
            self.state = self.past.pop()

    def redo(self):
        """Go forward again by one step; without one, nothing happens."""
        if self.future:
            self.past.append(self.state)
            self.state = self.future.pop()

    # ---- how

    def _chosen(self):
        if self.point is None:
            raise HintsError(NO_POINT)
        return self.point

    def _replace(self, point):
        self._change(self.hints.change(self.state.selected, point))

    def _change(self, changed, *selected):
        state = replace(self.state, hints=changed)
        self._step(replace(state, selected=selected[0]) if selected else state)

    def _step(self, state):
        if (state.photo, state.hints) == (self.photo, self.hints):
            return  # nothing that could be undone
        self.past.append(self.state)
        self.future.clear()
        self.state = state

    def _possible(self, row, column, ab):
        return tuple(in_gamut_at(self.lightness_at(row, column), torch.tensor([ab]))[0].tolist())

    @torch.no_grad()
    def _ask(self, photo, given):
        """What the network answers: an `Answer`. In half the bits where that is faster: nobody sees the difference, and everybody waits."""
        l, _ = color.normalize(F.pad(photo.seen, (0, 0, 0, 0, 0, 2)))  # noqa: E741 - l is the symbol of the field
        with torch.autocast("cpu", torch.bfloat16, enabled=budget.bfloat16_pays(l.device)):
            answer = self.network(l, *hint_inputs(given, self.network, l))
        return Answer(self.network.to_ab(answer).float(), answer.logits[0].half())

    def _cluster(self, photo, given, row, column):
        logits = self._answer(photo, given).logits
        y, x = hints.pixel_of(row, column, logits.shape[-2:])
        return suggest(logits[:, y, x], self.lightness_at(row, column))


class Answer(NamedTuple):
    """Colors in natural units, (1, 2, h, w), and logits over the bins in half precision, (313, h / 4, w / 4)."""

    ab: torch.Tensor
    logits: torch.Tensor


def parse_palette(text):
    """Colors as people write them, "#rrggbb" with commas or spaces between, as a tuple of (a, b)."""
    return tuple(map(hints.ab_of, text.replace(",", " ").split()))


# ---- photographs and files


def open_image(image):
    """What `hint_tool` takes: the name of a bundled photograph, a path, or a tensor, (3, H, W): (Photo, Hints)."""
    if isinstance(image, str) and image in PHOTOS:
        return Photo(image, photo(image)), NOTHING
    if isinstance(image, (str, Path)):
        path = Path(image).expanduser()
        return Photo(path.stem, read_image(path)), _hints_in(path.read_bytes())
    rgb = as_image(image)
    if rgb.ndim != 3:
        raise PictureError(f"The hint tool takes one picture, got {tuple(rgb.shape)}.")
    return Photo("picture", rgb), NOTHING


def read_content(content, name):
    """What a file holds that people open.

    Parameters
    ----------
    content : bytes
        A picture made by this tool, another picture, or hints as JSON.
    name : str
        Of the file.

    Returns
    -------
    (Photo or None, Hints)
        JSON brings hints alone; a picture of other origin brings none.

    Raises
    ------
    PictureError, HintsError
        It is nothing of the kind; the message is one sentence or two.
    """
    if Path(name).suffix.lower() == ".json":
        return None, hints.read_hints(content)
    return Photo(Path(name).stem, read_image(content)), _hints_in(content)


def _hints_in(content):
    """The hints in the bytes of a picture; none in a picture without, while damaged ones raise HintsError."""
    return hints.read_hints(content) if hints.CHUNK.encode() in content else NOTHING


def open_file(folder, name):
    """What a file of a folder holds: as `read_content`."""
    path = Path(folder) / plain_name(name)
    if not path.is_file():
        raise PictureError(f"There is no file {path.name} in the folder of the notebook.")
    return read_content(path.read_bytes(), path.name)


def save_png(editor, folder, name):
    """Write the colorized photograph in full size, with its hints inside.

    A file that was there is replaced only if this tool made it.

    Returns
    -------
    path : Path

    Raises
    ------
    HintsError
        The name is not a plain one, or another file has it.
    OSError
        It cannot be written.
    """
    path = Path(folder) / plain_name(name)
    path = path if path.suffix else path.with_suffix(".png")
    if path.suffix.lower() != ".png":
        raise HintsError(f"The picture is written as PNG, and {path.name} does not end in .png.")
    if path.exists() and not _is_ours(path):
        raise HintsError(f"{path.name} is there already and was not made by this tool. Choose another name.")
    write_atomic(path, hints.colored_png(editor.full_size(), editor.hints))
    return path


def _is_ours(path):
    try:
        hints.read_hints(path)
    except HintsError:
        return False
    return True


def plain_name(name):
    """The name of a file without folders, stripped of spaces around it; HintsError if it is something else."""
    name = name.strip()
    if not name:
        raise HintsError("Write the name of the file first.")
    if name.startswith(".") or any(sign in FORBIDDEN or not sign.isprintable() for sign in name):
        raise HintsError(
            f"{name} is no plain file name: leave out folders, a dot at the start, and {' '.join(FORBIDDEN)}."
        )
    return name
