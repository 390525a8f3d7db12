"""A quiz in the notebook: choose, and read why each choice is right or wrong."""

import html

import ipywidgets as W

from course_lib.quizzes import load_quiz


def quiz(number):
    """The quiz of a lesson, for example ``quiz("01")``: one question under the other, with an explanation for every option."""
    questions = [QuestionBox(question, place) for place, question in enumerate(load_quiz(number).questions, 1)]
    return QuizBox(questions)


class QuestionBox(W.VBox):
    """One question; choosing an option shows why it is right or wrong. ``solved`` is True once the right one was chosen."""

    def __init__(self, question, place):
        self.question, self.solved = question, False
        title = W.HTML(f"<b>{place}. {html.escape(question.question)}</b>")
        options = [(option.text, index) for index, option in enumerate(question.options)]
        self.options = W.RadioButtons(options=options, value=None, layout=W.Layout(width="max-content"))
        self.answer = W.HTML()
        self.options.observe(self._explain, names="value")
        super().__init__([title, self.options, self.answer])
        self.add_class("course-question")

    def _explain(self, change):
        option = self.question.options[change["new"]]
        self.solved = self.solved or option.right
        sign = "✓ Right." if option.right else "✗ Not this one."
        self.answer.value = f"<p><b>{sign}</b> {html.escape(option.why)}</p>"


class QuizBox(W.VBox):
    """All questions of a quiz, and how many are solved."""

    def __init__(self, questions):
        self.questions = questions
        self.score = W.HTML()
        for question in questions:
            question.options.observe(self._count, names="value")
        self._count()
        super().__init__([*questions, self.score])
        self.add_class("course-quiz")

    def _count(self, change=None):
        solved = sum(question.solved for question in self.questions)
        self.score.value = f"<p>{solved} of {len(self.questions)} solved.</p>"
