"""Quizzes: the questions of ``lessons/quizzes/NN.json``, read and checked in one place.

The notebooks show them, and the authors' check refuses a lesson whose quiz breaks a rule of CONTRIBUTING.md.
"""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "lessons" / "quizzes"
MIN_OPTIONS, MAX_OPTIONS = 2, 5


class QuizError(ValueError):
    """A quiz that cannot be used, with a sentence that says what to change."""


@dataclass(frozen=True)
class Option:
    """One answer: ``why`` explains why it is right or wrong."""

    text: str
    right: bool
    why: str


@dataclass(frozen=True)
class Question:
    """One question with 2 to 5 options, exactly one of them right."""

    id: str
    question: str
    options: tuple[Option, ...]

    @property
    def answer(self):
        """The index of the right option."""
        return next(index for index, option in enumerate(self.options) if option.right)


@dataclass(frozen=True)
class Quiz:
    """The questions of one lesson; ``lesson`` is its full name, such as ``01_rgb_vs_lab``."""

    lesson: str
    questions: tuple[Question, ...]


def load_quiz(number, folder=None, lesson=None):
    """Read and check the quiz of lesson ``number`` (``"01"``) from ``folder``, ``lessons/quizzes`` by default.

    ``lesson`` is the name that the quiz must give; without it, a name that starts with the number is enough. Raises
    QuizError when the file is missing, is no JSON, or breaks a rule.
    """
    path = Path(folder or FOLDER) / f"{number}.json"
    content = _read(path)
    _require(isinstance(content, dict), "the file must hold one object with 'lesson' and 'questions'")
    _require_keys(content, {"lesson": str, "questions": list}, "the quiz")
    quiz = Quiz(content["lesson"], tuple(_question(item, place) for place, item in enumerate(content["questions"], 1)))
    _check_lesson(quiz.lesson, number, lesson)
    _check_questions(quiz.questions)
    return quiz


def _read(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise QuizError(f"the quiz is missing: write {path.name} in lessons/quizzes as CONTRIBUTING.md shows") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise QuizError(f"the quiz is not JSON: {error}") from None


def _question(item, place):
    name = f"question {place}"
    _require(isinstance(item, dict), f"{name} must be an object")
    _require_keys(item, {"id": str, "question": str, "options": list}, name)
    name = f"question '{item['id']}'"
    options = tuple(_option(option, f"option {number} of {name}") for number, option in enumerate(item["options"], 1))
    _check_options(options, name)
    return Question(item["id"], item["question"], options)


def _option(item, name):
    _require(isinstance(item, dict), f"{name} must be an object")
    _require_keys(item, {"text": str, "right": bool, "why": str}, name)
    return Option(**item)


def _check_lesson(name, number, expected):
    if expected:
        _require(name == expected, f"the quiz says it belongs to '{name}', but the lesson is '{expected}'")
    _require(name.startswith(f"{number}_"), f"the quiz says it belongs to '{name}', which is not lesson {number}")


def _check_options(options, name):
    _require(
        MIN_OPTIONS <= len(options) <= MAX_OPTIONS,
        f"{name} has {len(options)} options: give {MIN_OPTIONS} to {MAX_OPTIONS}",
    )
    right = sum(option.right for option in options)
    _require(right == 1, f"{name} has {right} right options: exactly one must be right")
    _require(_repeated(option.text for option in options) is None, f"{name} has the same option twice")


def _check_questions(questions):
    _require(len(questions) > 0, "the quiz has no question")
    repeated = _repeated(question.id for question in questions)
    _require(repeated is None, f"two questions have the id '{repeated}'")
    places = {question.answer for question in questions}
    _require(len(questions) < 2 or len(places) > 1, "the right option is always in the same place: move some of them")


def _repeated(values):
    value, count = Counter(values).most_common(1)[0]
    return value if count > 1 else None


def _require_keys(item, kinds, name):
    for key, kind in kinds.items():
        _require(key in item, f"{name} has no '{key}'")
        _require(isinstance(item[key], kind), f"'{key}' of {name} must be {_KINDS[kind]}")
        _require(item[key] != "", f"'{key}' of {name} is empty")
    unknown = sorted(set(item) - set(kinds))
    _require(not unknown, f"{name} has the unknown key {unknown[:1]}")


_KINDS = {str: "text", list: "a list", bool: "true or false"}


def _require(condition, message):
    if not condition:
        raise QuizError(message)
