"""A picture that is redrawn when a control moves: the thin layer between pure drawing functions and ipywidgets."""

import html

import ipywidgets as W

from course_lib.widgets.figures import figure_html

WIDGETS = {}  # name -> function that makes the Explorer with its default data


def widget(name):
    """Register the function that makes an Explorer under ``name``, for example ``"01.channel_mixer"``; tests move every one."""

    def register(make):
        if name in WIDGETS:
            raise ValueError(f"There are two widgets named {name!r}.")
        WIDGETS[name] = make
        return make

    return register


class Explorer(W.VBox):
    """Controls above a picture.

    Parameters
    ----------
    draw : function
        Takes the controls' values by name and returns ``(figure, alt)``: a Matplotlib figure and the text that describes it.
    controls : dict of str to ipywidgets control
        Sliders should not update while they are dragged if a drawing takes more than 0.1 s (``continuous_update=False``).

    Notes
    -----
    A mistake in ``draw`` at the first values is raised; later, in the browser, it is shown in the place of the picture, where it would
    otherwise vanish in a log.
    """

    def __init__(self, draw, controls):
        self.draw, self.controls = draw, dict(controls)
        self.picture = W.HTML(self.render(**self.values))
        self.picture.add_class("course-picture")
        for name, control in self.controls.items():
            control.add_class(f"course-control-{name}")
            control.style.description_width = "initial"
            control.observe(self._redraw, names="value")
        super().__init__([*self.controls.values(), self.picture])
        self.add_class("course-explorer")

    @property
    def values(self):
        """The controls' values by name."""
        return {name: control.value for name, control in self.controls.items()}

    def render(self, **values):
        """The HTML of the picture for these values."""
        return figure_html(*self.draw(**values))

    def _redraw(self, change):
        try:
            self.picture.value = self.render(**self.values)
        except Exception as error:
            self.picture.value = f"<pre>This setting could not be drawn: {html.escape(repr(error))}</pre>"
            raise


def slider(description, value, low, high, step, live=True):
    """A slider, for whole or decimal numbers, that the arrow keys move; ``live=False`` waits until it is let go."""
    kind = W.IntSlider if all(isinstance(number, int) for number in (value, low, high, step)) else W.FloatSlider
    layout = W.Layout(width="min(480px, 95%)")
    return kind(value, min=low, max=high, step=step, description=description, continuous_update=live, layout=layout)


def choice(description, options, value=None):
    """A drop-down list of options, a list or (label, value) pairs."""
    options = list(options)
    first = options[0][1] if isinstance(options[0], tuple) else options[0]
    return W.Dropdown(options=options, value=first if value is None else value, description=description)
