"""The colorization Turing test as a game: two buttons, no clock, and the answer only at the end."""

import ipywidgets as W

from course_lib.data import available
from course_lib.turing import PAPER, TuringTest, bundled_pairs, interval, scene_pairs
from course_lib.widgets.figures import figure_html
from course_lib.widgets.figures_04 import draw_pair, draw_solution


def turing_game(seed=0):
    """The game with the bundled photographs, and with test photographs of `scenes` where they are on this machine."""
    sets = {"bundled photographs": bundled_pairs}
    if available("scenes"):
        sets["test photographs of scenes"] = scene_pairs
    return TuringGame(sets, seed)


class TuringGame(W.VBox):
    """Which of two pictures is real?

    All controls are buttons that Tab reaches and Enter or Space presses.

    Parameters
    ----------
    sets : dict of str to function
        What each choice of pictures is called, and what makes its pairs, a list of `Pair`; only called when it is chosen.
    seed : int
        Of order and sides.
    """

    def __init__(self, sets, seed=0):
        self.sets, self.seed = dict(sets), seed
        self.choice = W.Dropdown(options=list(self.sets), description="pictures")
        self.picture, self.status = W.HTML(), W.HTML()
        self.left, self.right = _button("Left is real", "primary"), _button("Right is real", "primary")
        self.undo, self.result = _button("Undo"), _button("Show the result")
        self.restart = _button("Start again")
        self._connect()
        self._load()
        answers = W.HBox([self.left, self.right])
        super().__init__(
            [self.choice, self.picture, answers, W.HBox([self.undo, self.result, self.restart]), self.status]
        )
        self.add_class("course-game")

    def _connect(self):
        self.choice.observe(lambda change: self._load(), names="value")
        self.left.on_click(lambda button: self._answer(True))
        self.right.on_click(lambda button: self._answer(False))
        self.undo.on_click(lambda button: self._change(self.test.undo))
        self.restart.on_click(lambda button: self._change(self.test.restart))
        self.result.on_click(lambda button: self._reveal())

    def _load(self):
        self.test = TuringTest(self.sets[self.choice.value](), self.seed)
        self._show_pair()

    def _answer(self, left):
        if not self.revealed:
            self._change(lambda: self.test.answer(left))

    def _change(self, what):
        what()
        self._show_pair()

    def _show_pair(self):
        self.revealed = False
        answered, count = len(self.test.answers), len(self.test.pairs)
        if self.test.done:
            self.picture.value = (
                f"<p><b>That was the last of {count} pairs.</b> Undo your last answer, or show the result.</p>"
            )
        else:
            name, left, right = self.test.shown()
            alt = f"Pair {answered + 1} of {count}, {name}: the same scene left and right, with the same lightness and different colors."
            self.picture.value = figure_html(draw_pair(left, right), alt)
        self.status.value = f"<p>{answered} of {count} answered. Which picture has its real colors?</p>"
        self._enable()

    def _reveal(self):
        self.revealed = True
        fooled = sum(self.test.fooled)
        alt = f"All answered pairs, the real picture first. {score_text(fooled, len(self.test.answers))}"
        self.picture.value = figure_html(draw_solution(self.test), alt)
        self.status.value = f"<p>{score_text(fooled, len(self.test.answers))}</p>"
        self._enable()

    def _enable(self):
        answering = not self.revealed and not self.test.done
        self.left.disabled = self.right.disabled = not answering
        self.undo.disabled = self.revealed or not self.test.answers
        self.result.disabled = self.revealed or not self.test.answers
        self.restart.disabled = not self.test.answers


def score_text(fooled, trials):
    """The score with its interval, beside the paper's and beside chance."""
    low, high = interval(fooled, trials)
    sides = {f"the {PAPER:.0%} of the paper": low <= PAPER <= high, "the 50% of pure chance": low <= 0.5 <= high}
    inside = [name for name, within in sides.items() if within]
    verdict = (
        f"{' and '.join(inside)} lie{'s' * (len(inside) == 1)} inside it"
        if inside
        else "neither the paper's 32% nor 50% lies inside it"
    )
    return (
        f"You took the colorized picture for the real one in {fooled} of {trials} pair{'s' * (trials != 1)}, {fooled / trials:.0%}. "
        f"The 95% interval reaches from {low:.0%} to {high:.0%}; {verdict}."
    )


def _button(text, style=""):
    return W.Button(description=text, button_style=style)
