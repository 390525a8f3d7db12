"""What tests read from a figure: its words, dots, intervals and bands; and whether all of it can be read."""

from matplotlib.text import Text

from course_lib.widgets.figures import figure_html


def drawn(figure):
    """Whether it can be drawn, is not too wide, and has no letters that are too small to read or cut off."""
    written = [text for text in figure.findobj(Text) if text.get_text().strip()]
    assert min(text.get_fontsize() for text in written) >= 8
    assert figure.get_size_inches()[0] <= 9
    done = "<img" in figure_html(figure, "a figure that is only drawn to see that it can be drawn")
    named = [text for axis in figure.axes for text in (*axis.texts, axis.title, axis.xaxis.label, axis.yaxis.label)]
    for text in named:
        if text.get_text().strip():
            box = text.get_window_extent()
            assert min(box.x0, box.y0) > -2, text
            assert box.x1 < figure.bbox.x1 + 2, text
            assert box.y1 < figure.bbox.y1 + 2, text
    return done


def words(figure):
    """All texts, as one."""
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def row_names(axis):
    return [text.get_text() for text in axis.get_yticklabels()]


def dots(axis, *marks):
    """Single points of these marks, from top to bottom: (x, y)."""
    found = [line for line in axis.lines if line.get_marker() in marks and len(line.get_xdata()) == 1]
    return sorted([tuple(line.get_xydata()[0]) for line in found], key=lambda point: -point[1])


def spans(axis):
    """The ends of horizontal intervals, from top to bottom."""
    found = [line for line in axis.lines if line.get_marker() == "None" and len(set(line.get_ydata())) == 1]
    found = [line for line in found if line.get_alpha() == 0.45]
    return [tuple(line.get_xdata()) for line in sorted(found, key=lambda line: -line.get_ydata()[0])]


def bands(axis):
    """The rectangles behind the plot: (left, bottom, right, top)."""
    return [tuple(patch.get_extents().transformed(axis.transData.inverted()).extents) for patch in axis.patches]
