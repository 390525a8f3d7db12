"""What the notebooks draw and move: pure drawing functions, and thin ipywidgets around them."""

from course_lib.widgets.explorer import WIDGETS, Explorer, choice, slider, widget
from course_lib.widgets.figures import PALETTE, draw_picture, figure_html, gallery, new_figure, pictures, show
from course_lib.widgets.quiz import quiz

__all__ = [
    "PALETTE",
    "WIDGETS",
    "Explorer",
    "choice",
    "draw_picture",
    "figure_html",
    "gallery",
    "new_figure",
    "pictures",
    "quiz",
    "show",
    "slider",
    "widget",
]
