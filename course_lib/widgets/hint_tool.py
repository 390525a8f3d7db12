"""A tool with which a person colorizes a photograph: click a place, choose one of the colors that a network suggests there, or any other.

The state and all rules are in `hint_editor`; here are the controls around it.
"""

import html
from pathlib import Path

import ipywidgets as W

from course_lib import hints
from course_lib.color import PictureError
from course_lib.colorizing import DEFAULT_WITH_HINTS, find_network
from course_lib.data.photos import PHOTOS
from course_lib.hints import Hints, HintsError
from course_lib.suggesting import COUNT
from course_lib.widgets import hint_drawing as drawing
from course_lib.widgets import hint_editor as editing
from course_lib.widgets.hint_editor import HintEditor, Photo

FIRST = "china"
ERRORS = (HintsError, PictureError, OSError)  # with messages for people; all others are mistakes of ours
REACH = 12 / 384  # of the shorter side: how near to a point a click means it
STEP, LEAP = 2, 10  # per cent that an arrow key moves the cross, without and with Shift
AB_STEP = 2  # by which an arrow key moves the color on the plane
APART = 6  # pixels between the places of a border
MIDDLE = 50.0
ARROWS = {"ArrowUp": (-1, 0), "ArrowDown": (1, 0), "ArrowLeft": (0, -1), "ArrowRight": (0, 1)}
KEYS = (
    "With the keyboard, on the photograph: arrows move a cross (Shift: faster), Enter sets or chooses a point there, M moves the chosen "
    "one there, Delete removes it, Ctrl+Z and Ctrl+Y undo and redo, Tab goes on."
)


def hint_tool(image=None, folder="."):
    """A tool to colorize a photograph by clicking colors into it.

    Parameters
    ----------
    image : str, path or tensor, optional
        The name of a bundled photograph (`PHOTOS`), a file, which may be one that the tool has saved, or sRGB (3, H, W) in [0, 1].
    folder : path
        Where pictures are saved and opened.

    Returns
    -------
    HintTool
    """
    photo, given = editing.open_image(FIRST if image is None else image)
    return HintTool(photo, find_network(DEFAULT_WITH_HINTS), folder, given)


class HintTool(W.VBox):
    """The tool for one photograph after another.

    All that a mouse can do, keys can do too. What happened is told in words below the photograph.

    Parameters
    ----------
    photo : Photo
    network : HintNet
        With suggestions.
    folder : path
        Where pictures are saved and opened.
    given : Hints
        To begin with.
    """

    def __init__(self, photo, network, folder=".", given=editing.NOTHING):
        self.editor, self.folder = HintEditor(network, photo, given), Path(folder)
        self.quiet = False  # while the tool itself changes its controls
        self.drag = []  # pixels (x, y) that a pressed mouse went through
        self.dragged = False  # whether it went away from where it was pressed
        self.border_open = False  # whether the next corner belongs to the last border
        self.aiming = False  # whether the cross of the keyboard is shown
        self.painted = None  # what the photograph on the canvas was made of
        self.written, self.named = (), None  # the palette and the photograph for which text fields were written
        self.stage = drawing.Stage("course-hint-photo")
        self._make_controls()
        self._connect()
        super().__init__([self._files(), W.HTML("<hr style='margin: 4px 0'>"), self._desk()])
        self.add_class("course-hint-tool")
        self._show()
        self._say("Click a place of the photograph to give it a color.")

    # ---- controls

    def _make_controls(self):
        wide, narrow = W.Layout(width="auto"), {"description_width": "initial"}
        self.photos = W.Dropdown(
            options=[("one from a file", None), *((name, name) for name in PHOTOS)],
            description="Photograph",
            style=narrow,
        )
        # Sent when it is left: letter by letter, a press on Save could overtake the last ones.
        self.name = W.Text(description="File", continuous_update=False, style=narrow, layout=W.Layout(width="210px"))
        self.save = _button("Save", "Save the picture in full size, with its hints, beside the notebook")
        self.open_button = _button("Open", "Open the file of this name beside the notebook")
        self.upload = W.FileUpload(accept=".png,.jpg,.jpeg,.json", layout=wide)
        self.undo, self.redo = _button("Undo", "Take the last change back"), _button("Redo", "Make it again")
        self.reset = _button("Reset", "Take all hints away; undo brings them back")
        self.gray = W.ToggleButton(description="Show gray", tooltip="The photograph before, without marks", layout=wide)
        self.row, self.column = _percent("row %"), _percent("column %")
        self.here, self.there = _button("Add point here", ""), _button("Move chosen point here", "")
        self.border = W.ToggleButton(
            description="Draw a border no color crosses", tooltip="Drag, or set one corner after another", layout=wide
        )
        self.no_border = _button("Remove last border", "")
        self.palette = W.Text(
            description="Palette",
            placeholder="#c04030, #3060a0: colors it should have",
            continuous_update=False,
            style=narrow,
        )
        self.palette.layout.width = "auto"
        # JupyterLab takes arrow keys away from lists, but not from the menu of a drop-down, which Space opens.
        self.points = W.Dropdown(description="Points", style=narrow, layout=W.Layout(width="auto"))
        self.remove = _button("Remove point", "Or press Delete on the photograph")
        self.suggestions = Suggestions(self._recolor)
        self.picker = Picker(self._recolor, self.remove, self.suggestions.focus_last)
        self.status, self.about = W.HTML(), W.HTML()
        self.status.add_class("course-hint-status")
        self.about.add_class("course-hint-about")

    def _files(self):
        parts = [self.photos, self.name, self.save, self.open_button, self.upload]
        return W.HBox(parts, layout=W.Layout(flex_flow="row wrap", align_items="center"))

    def _desk(self):
        wrap = W.Layout(flex_flow="row wrap")
        rows = [
            W.HBox([self.undo, self.redo, self.reset, self.gray], layout=wrap),
            W.HBox([self.row, self.column], layout=wrap),
            W.HBox([self.here, self.there], layout=wrap),
            W.HBox([self.border, self.no_border], layout=wrap),
        ]
        left = [self.stage.canvas, self.status, *rows, self.palette, self.about]
        right = [self.points, self.suggestions, self.picker]
        columns = [
            W.VBox(left, layout=W.Layout(width=f"{editing.SHOWN + 4}px")),
            W.VBox(right, layout=W.Layout(width="316px", margin="0 0 0 6px")),
        ]
        return W.HBox(columns, layout=W.Layout(flex_flow="row wrap", align_items="flex-start"))

    def _connect(self):
        canvas = self.stage.canvas
        canvas.on_mouse_down(self.press)
        canvas.on_mouse_move(self.pull)
        canvas.on_mouse_up(lambda x, y: self.release())
        canvas.on_mouse_out(lambda x, y: self.release())
        canvas.on_touch_start(lambda touches: self.press(*touches[0]))
        canvas.on_touch_move(lambda touches: self.pull(*touches[0]))
        canvas.on_touch_end(lambda touches: self.release())
        canvas.on_touch_cancel(lambda touches: self.release())
        canvas.on_key_down(self.key)
        presses = {
            self.undo: self._undo,
            self.redo: self._redo,
            self.reset: lambda: self._do(self.editor.reset, "All hints are taken away. Undo brings them back."),
            self.remove: self._remove,
            self.here: self._set_here,
            self.there: self._move_here,
            self.no_border: lambda: self._do(self.editor.remove_stroke, "The last border is removed."),
            self.save: self._save,
            self.open_button: self._open,
        }
        for button, action in presses.items():
            button.on_click(lambda _, action=action: action())
        for control, action in (
            (self.photos, self._choose_photo),
            (self.points, self._choose_point),
            (self.palette, self._set_palette),
            (self.upload, self._take_upload),
            (self.border, self._toggle_border),
            (self.gray, self._toggle_gray),
            (self.row, self._aim),
            (self.column, self._aim),
        ):
            control.observe(lambda change, action=action: None if self.quiet else action(), names="value")

    # ---- what people do: on the photograph

    def press(self, x, y):
        """A mouse button goes down on the canvas, at pixels from the left and from the top."""
        self.aiming, self.dragged = False, False
        row, column = self._place(x, y)
        self._set_controls({self.row: row * 100, self.column: column * 100})
        self.drag = [(x, y)]
        if self.border.value:
            self._mark()
            return
        found = self.editor.find(row, column, REACH)
        if found is None:
            self._add(row, column)
        else:
            self._choose(found)

    def pull(self, x, y):
        """The mouse moves over the canvas; only with its button down that means something."""
        if not self.drag:
            return
        far = max(abs(x - self.drag[-1][0]), abs(y - self.drag[-1][1])) >= APART
        if not (far or (self.dragged and not self.border.value)):
            return
        self.dragged = True
        self.drag = [*self.drag, (x, y)] if self.border.value else [(x, y)]
        self._mark()

    def release(self):
        """The mouse button goes up, or the mouse leaves the canvas: what was dragged stays where it is."""
        drag, self.drag = self.drag, []
        if not drag:
            return
        if self.border.value:
            places = [self._place(*pixel) for pixel in drag]
            self._corner(*places[0]) if len(places) == 1 else self._draw(places)
        elif self.dragged and self.editor.point:
            self._move(*self._place(*drag[0]))

    def key(self, key, shift, control, meta):
        """A key goes down while the photograph has the focus. The canvas keeps all keys to itself, so Tab is our work too."""
        if key in ARROWS:
            step = LEAP if shift else STEP
            down, right = (direction * step for direction in ARROWS[key])
            self._set_controls({self.row: self.row.value + down, self.column: self.column.value + right})
            self._aim()
        elif control or meta:
            undo = {"z": self._redo if shift else self._undo, "y": self._redo}
            undo.get(key.lower(), lambda: None)()
        else:
            actions = {"Enter": self._set_here, " ": self._set_here, "m": self._move_here}
            actions |= {"Delete": self._remove, "Backspace": self._remove}
            actions |= {"Tab": self.upload.focus if shift else self._focus_next, "Escape": self.stage.canvas.blur}
            actions.get(key if len(key) > 1 else key.lower(), lambda: None)()

    def _focus_next(self):
        """Bring the focus from the photograph to the first button after it that can be pressed."""
        next(button for button in (self.undo, self.redo, self.reset, self.gray) if not button.disabled).focus()

    def _aim(self):
        """The sliders or arrow keys have chosen a place."""
        self.aiming = True
        self._mark()
        found = self.editor.find(*self._aimed, REACH)
        point = "" if found is None else f", on point {found + 1}"
        self._say(f"The cross is at {_place_text(*self._aimed)}{point}.")

    @property
    def _aimed(self):
        return self.row.value / 100, self.column.value / 100

    def _set_here(self):
        """Set a point where the cross is, choose the one that is there, or set a corner of a border."""
        found = self.editor.find(*self._aimed, REACH)
        if self.border.value:
            self._corner(*self._aimed)
        elif found is None:
            self._add(*self._aimed)
        else:
            self._choose(found)

    def _move_here(self):
        self._move(*self._aimed)

    def _place(self, x, y):
        """Row and column, as shares, of a pixel of the canvas."""
        width, height = self.stage.canvas.width, self.stage.canvas.height
        return min(max(y / height, 0.0), 1.0), min(max(x / width, 0.0), 1.0)

    def _pixel(self, row, column):
        return column * self.stage.canvas.width, row * self.stage.canvas.height

    # ---- what people do: to points, borders and the palette

    def _add(self, row, column):
        self._do(
            lambda: self.editor.add(row, column),
            lambda: f"{self._tell_point()}, the most likely color. Choose another, or drag it.",
        )

    def _choose(self, number):
        say = "No point is chosen." if number is None else lambda: f"{self._tell_point()} is chosen."
        self._do(lambda: self.editor.select(number), say)

    def _move(self, row, column):
        self._do(lambda: self.editor.move(row, column), lambda: f"{self._tell_point()}, was moved.")

    def _remove(self):
        number = (self.editor.state.selected or 0) + 1
        self._do(self.editor.remove, f"Point {number} is removed.")

    def _recolor(self, a, b):
        self._do(lambda: self.editor.recolor(a, b), lambda: f"{self._tell_point()}.{self._tell_limit(a, b)}")

    def _draw(self, places):
        self.border_open = True
        self._do(lambda: self.editor.add_stroke(places), lambda: f"{self._tell_border()} is drawn.")

    def _corner(self, row, column):
        """One corner of a border: the first of a new one, or the next of the last."""
        extend = self.border_open and self.editor.hints.strokes
        change = (
            (lambda: self.editor.extend_stroke(row, column))
            if extend
            else lambda: self.editor.add_stroke([(row, column)])
        )
        self.border_open = True
        self._do(change, lambda: f"{self._tell_border()} has a corner at {_place_text(row, column)}.")

    def _toggle_border(self):
        self.border_open = False
        self._show()
        ways = (
            "Drag on the photograph, or set corners one after another"
            if self.border.value
            else "Clicks set points again"
        )
        self._say(f"{ways}.")

    def _choose_point(self):
        self._choose(self.points.value)

    def _set_palette(self):
        def change():
            self.editor.set_palette(editing.parse_palette(self.palette.value))

        self._do(change, lambda: f"The palette has {_count(len(self.editor.hints.palette), 'color')}.")

    def _undo(self):
        self._do(self.editor.undo, "The last change is undone." if self.editor.past else "There is nothing to undo.")

    def _redo(self):
        self._do(self.editor.redo, "The change is made again." if self.editor.future else "There is nothing to redo.")

    def _toggle_gray(self):
        self._show()
        self._say("This is the photograph before." if self.gray.value else "This is the colorized photograph.")

    # ---- what people do: with files

    def _choose_photo(self):
        name = self.photos.value
        if name is not None:
            self._open_with(lambda: editing.open_image(name), name)

    def _open(self):
        self._open_with(lambda: editing.open_file(self.folder, self.name.value), self.name.value)

    def _take_upload(self):
        if self.upload.value:
            file = self.upload.value[0]
            self._open_with(lambda: editing.read_content(bytes(file["content"]), file["name"]), file["name"])
            self._set_controls({self.upload: ()})  # the same file can be chosen again

    def _open_with(self, read, name):
        self._do(
            lambda: self.editor.open(*read()),
            lambda: f"{name.strip()} is open, with {_count_hints(self.editor.hints)}.",
        )

    def _save(self):
        saved = []
        self._do(
            lambda: saved.append(editing.save_png(self.editor, self.folder, self.name.value)),
            lambda: f"{saved[0].name} is saved in the folder of the notebook, with {_count_hints(self.editor.hints)}.",
        )

    # ---- what the tool shows

    def _do(self, action, say):
        """Do what was asked for and say so, or say why not; the photograph comes first, since eyes wait for it."""
        try:
            action()
        except ERRORS as error:
            self._show()
            self._say(_sentence(error), wrong=True)
            return
        self._show()
        self._say(say if isinstance(say, str) else say())

    def _say(self, text, wrong=False):
        live = 'role="alert" aria-live="assertive"' if wrong else 'role="status" aria-live="polite"'
        style = "line-height: 1.4; min-height: 2.8em;" + " color: #b00020; font-weight: bold" * wrong
        self.status.value = f'<div {live} style="{style}">{html.escape(text)}</div>'

    def _show(self):
        self._mark()  # at once: the network takes longer
        self._paint()
        self._show_point()
        self._show_controls()

    def _paint(self):
        key = (self.editor.photo, None if self.gray.value else self.editor.hints)
        if key != self.painted:
            rgb = self.editor.gray() if self.gray.value else self.editor.colored()
            self.stage.paint(drawing.jpeg(rgb), rgb.shape[-2:])
            self.painted = key

    def _mark(self):
        self.stage.mark(self._draw_marks)

    def _draw_marks(self, canvas):
        if self.gray.value:
            return
        strokes = [[self._pixel(*place) for place in stroke] for stroke in self.editor.hints.strokes]
        for stroke in [*strokes, self.drag] if self.border.value and self.drag else strokes:
            drawing.draw_border(canvas, stroke)
        for number, point in enumerate(self.editor.hints.points):
            chosen = number == self.editor.state.selected
            moving = chosen and self.dragged and self.drag and not self.border.value
            x, y = self.drag[0] if moving else self._pixel(point.row, point.column)
            drawing.draw_point(canvas, x, y, self._fill(point), str(number + 1), chosen)
        if self.aiming:
            drawing.draw_cross(canvas, *self._pixel(*self._aimed))

    def _fill(self, point):
        return drawing.hex_color(self._lightness(point), point.a, point.b)

    def _lightness(self, point):
        return self.editor.lightness_at(point.row, point.column)

    def _show_point(self):
        """The suggestions and the picker of the chosen point."""
        point = self.editor.point
        if point is None:
            self.suggestions.show(None, [])
            self.picker.show(None, None, [])
            return
        level, suggested = self._lightness(point), self.editor.suggestions()
        self.suggestions.show(level, suggested)
        self.picker.show(level, self.editor.color_of(point), suggested)

    def _show_controls(self):
        editor, chosen = self.editor, self.editor.point is not None
        numbers = range(len(editor.hints.points))
        options = [("none chosen", None), *((self._list_point(number), number) for number in numbers)]
        self._set_controls(
            {
                self.points: (options, editor.state.selected),
                self.photos: editor.photo.name if editor.photo.name in PHOTOS else None,
            }
        )
        self._show_texts()
        self.undo.disabled, self.redo.disabled = not editor.past, not editor.future
        self.reset.disabled, self.no_border.disabled = not editor.hints, not editor.hints.strokes
        self.remove.disabled = self.there.disabled = not chosen
        self.here.description = "Add corner here" if self.border.value else "Add point here"
        self._describe()

    def _show_texts(self):
        """Write the palette and the name of the file anew where they are others; a person may be writing there."""
        photo, palette = self.editor.photo, self.editor.hints.palette
        if palette != self.written and palette != _colors_of(self.palette.value):
            self._set_controls({self.palette: ", ".join(_written(*ab) for ab in palette)})
        if photo is not self.named:
            self._set_controls({self.name: _file_name(photo, self.editor.hints)})
        self.written, self.named = palette, photo

    def _describe(self):
        height, width = self.editor.photo.rgb.shape[-2:]
        kind = "without color" if self.gray.value else f"colorized with {_count_hints(self.editor.hints)}"
        text = f"Photograph {self.editor.photo.name}, {width} x {height} pixels, {kind}. {KEYS}"
        self.about.value = f'<div style="line-height: 1.4; font-size: 90%">{html.escape(text)}</div>'

    def _set_controls(self, values):
        """Give controls values without taking that for a wish of the person."""
        self.quiet = True
        try:
            for control, value in values.items():
                _give(control, value)
        finally:
            self.quiet = False

    # ---- in words

    def _tell_point(self):
        """The chosen point in words."""
        point = self.editor.point
        words = drawing.describe_color(self._lightness(point), *self.editor.color_of(point))
        return f"Point {self.editor.state.selected + 1} at {_place_text(point.row, point.column)}: {words}"

    def _list_point(self, number):
        point = self.editor.hints.points[number]
        words = drawing.name_color(self._lightness(point), *self.editor.color_of(point))
        return f"{number + 1}: {_place_text(point.row, point.column)}, {words}"

    def _tell_limit(self, a, b):
        point = self.editor.point
        near = max(abs(a - point.a), abs(b - point.b)) < 0.5
        return "" if near else " The color you chose does not exist at this lightness; this is the nearest of its hue."

    def _tell_border(self):
        return f"Border {len(self.editor.hints.strokes)}"


class Suggestions(W.VBox):
    """Buttons with the colors that the network finds likely at a place, each with its share and in words.

    Parameters
    ----------
    choose : function
        Is called with a and b of the button that is pressed.
    """

    def __init__(self, choose):
        self.shown, self.title = [], W.HTML()
        wrap = W.HTML(
            "<style>.course-hint-suggestion { white-space: normal; line-height: 1.2; padding: 0 4px }</style>"
        )
        wrap.layout.display = "none"
        layout = {"width": "98px", "height": "40px", "margin": "2px"}
        self.buttons = [W.Button(layout=W.Layout(**layout)) for _ in range(COUNT)]
        for number, button in enumerate(self.buttons):
            button.add_class("course-hint-suggestion")
            button.on_click(lambda _, number=number: choose(self.shown[number].a, self.shown[number].b))
        super().__init__([wrap, self.title, W.HBox(self.buttons, layout=W.Layout(flex_flow="row wrap"))])

    def show(self, lightness, suggested):
        """Show `Suggestion`s for a place of this lightness; the same buttons change, so that the focus stays."""
        self.shown = suggested
        self.title.value = "<b>Likely colors here</b>" if suggested else "<b>Likely colors</b>: choose a point"
        for button, one in zip(self.buttons, suggested, strict=False):
            button.description = f"{one.share:.0%} {drawing.name_color(lightness, one.a, one.b)}"
            button.tooltip = f"{one.share:.0%} of the probability: {drawing.describe_color(lightness, one.a, one.b)}"
            button.style.button_color = drawing.hex_color(lightness, one.a, one.b)
            button.style.text_color = "white" if lightness < 50 else "black"
            button.style.font_size = "11px"
        for number, button in enumerate(self.buttons):
            button.layout.display = "" if number < len(suggested) else "none"

    def focus_last(self):
        """Bring the focus to the last color that is shown."""
        self.buttons[len(self.shown) - 1].focus()


class Picker(W.HBox):
    """All colors that a place can have: a plane to click on, numbers for a and b, and the browser's own picker.

    Parameters
    ----------
    choose : function
        Is called with a and b.
    button : ipywidgets.Button
        To stand beside the plane; the focus goes on to it, since the canvas keeps the Tab key to itself.
    back : function
        Moves the focus to what stands before the plane.
    """

    def __init__(self, choose, button, back):
        self.choose, self.button, self.back, self.quiet = choose, button, back, False
        self.level, self.ab = None, (0.0, 0.0)
        self.stage = drawing.Stage("course-hint-plane")
        number = {"min": -128, "max": 128, "step": 1, "style": {"description_width": "16px"}}
        self.a, self.b = (
            W.BoundedFloatText(description=name, layout=W.Layout(width="116px"), **number) for name in "ab"
        )
        self.hex = W.ColorPicker(description="", layout=W.Layout(width="116px"))
        self.stage.canvas.on_mouse_down(self.click)
        self.stage.canvas.on_touch_start(lambda touches: self.click(*touches[0]))
        self.stage.canvas.on_key_down(self.key)
        for control, take in ((self.a, self._take_numbers), (self.b, self._take_numbers), (self.hex, self._take_hex)):
            control.observe(lambda change, take=take: None if self.quiet else take(), names="value")
        text = "<div style='line-height: 1.3; font-size: 85%'>Gray: colors that do not exist at this lightness.</div>"
        note = W.HTML(text, layout=W.Layout(width="116px"))
        super().__init__([self.stage.canvas, W.VBox([button, self.a, self.b, self.hex, note])])

    def show(self, level, ab, suggested):
        """Show the colors at a lightness, with the present one and those suggested marked; nothing where ``level`` is None."""
        self.layout.display = "none" if level is None else ""
        if level is None:
            self.level = None
            return
        level = round(level)
        if level != self.level:
            self.stage.paint(drawing.plane_png(level), (drawing.PLANE, drawing.PLANE))
        self.level, self.ab = level, ab
        self.stage.mark(lambda canvas: drawing.draw_plane_marks(canvas, level, ab, [one[:2] for one in suggested]))
        self.quiet = True
        self.a.value, self.b.value = (round(value, 1) for value in ab)
        self.hex.value = drawing.hex_color(level, *ab)
        self.quiet = False

    def click(self, x, y):
        """Choose the color at a place of the plane, in pixels from the left and from the top."""
        if self.level is not None:
            self.choose(*_round_chroma(*drawing.color_on_plane(self.level, x, y)))

    def key(self, key, shift, control, meta):
        """A key goes down while the plane has the focus."""
        if key in ARROWS and self.level is not None:
            down, right = ARROWS[key]
            self.choose(*_round_chroma(self.ab[0] + right * AB_STEP, self.ab[1] - down * AB_STEP))
        elif key == "Tab":
            self.back() if shift else self.button.focus()
        elif key == "Escape":
            self.stage.canvas.blur()

    def _take_numbers(self):
        self.choose(*_round_chroma(self.a.value, self.b.value))

    def _take_hex(self):
        try:
            a, b = hints.ab_of(self.hex.value)
        except HintsError:
            return  # a name of a color; the browser's picker writes digits
        self.choose(a, b)


def _round_chroma(a, b):
    """A color whose chroma hints can hold, of the same hue: corners of the plane lie beyond."""
    scale = min(1.0, hints.LARGEST_CHROMA / max((a * a + b * b) ** 0.5, 1e-6))
    return a * scale, b * scale


def _button(text, tooltip):
    return W.Button(description=text, tooltip=tooltip or None, layout=W.Layout(width="auto"))


def _percent(name):
    """A slider over a side of the photograph."""
    layout = W.Layout(width="250px")
    return W.FloatSlider(MIDDLE, min=0, max=100, step=0.5, description=name, readout_format=".1f", layout=layout)


def _give(control, value):
    """Give a control a value that suits it; a drop-down may get new options with it."""
    if isinstance(control, W.Dropdown):
        options, value = value if isinstance(value, tuple) else (control.options, value)
        if tuple(options) != tuple(control.options):
            control.options = options
        control.index = [one for _, one in options].index(value)  # by value, None would leave the field empty
    elif isinstance(control, W.FloatSlider):
        # In whole steps: a page rounds others to them and sends that back, as if a person had moved the slider.
        control.value = min(max(round(value / control.step) * control.step, control.min), control.max)
    else:
        control.value = value


def _place_text(row, column):
    return f"row {row:.0%}, column {column:.0%}"


def _count(number, what):
    return f"{number} {what}{'' if number == 1 else 's'}"


def _count_hints(given: Hints):
    """How many hints there are, in words."""
    parts = [(given.points, "point"), (given.strokes, "border"), (given.palette, "palette color")]
    return ", ".join(_count(len(part), what) for part, what in parts if part) or "no hints"


def _colors_of(text):
    """The palette in a text, or None if it is none."""
    try:
        return editing.parse_palette(text)
    except HintsError:
        return None


def _written(a, b):
    """A color of a palette as people write it, at the lightness where sRGB has most of it."""
    levels = sorted(range(10, 100, 5), key=lambda level: abs(level - 60))
    fits = [level for level in levels if drawing.is_possible(level, a, b)]
    return drawing.hex_color((fits or levels)[0], a, b)


def _file_name(photo: Photo, given: Hints):
    """A name for the picture that will be saved: its own, where it was opened from a file of this tool."""
    ours = given and photo.name not in PHOTOS
    return f"{photo.name}.png" if ours else f"{photo.name.removesuffix('-hints')}-hints.png"


def _sentence(error):
    """What an error says to people."""
    return f"{error.strerror}: {error.filename}." if isinstance(error, OSError) and error.strerror else str(error)
