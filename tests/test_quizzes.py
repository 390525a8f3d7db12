"""A quiz is read as written, and each rule refuses the quiz that breaks it."""

import copy
import json

import pytest

from course_lib.quizzes import QuizError, load_quiz
from tests.authoring.sample import FOLDER

SAMPLE = FOLDER / "lessons" / "quizzes"
GOOD = json.loads((SAMPLE / "01.json").read_text(encoding="utf-8"))


def load(content, tmp_path):
    (tmp_path / "01.json").write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return load_quiz("01", folder=tmp_path)


def test_a_good_quiz_is_read():
    quiz = load_quiz("01", folder=SAMPLE)
    assert quiz.lesson == "01_sample"
    first, second = quiz.questions
    assert (first.id, first.answer, second.answer) == ("half", 1, 0)
    assert first.options[1].why == "Twice 1.5 is 3."


QUESTION = "questions", 0
OPTION = "questions", 0, "options", 0
BAD = {
    "another lesson": (("lesson",), "02_other", "belongs to '02_other', which is not lesson 01"),
    "no questions": (("questions",), [], "the quiz has no question"),
    "questions that are no list": (("questions",), "many", "'questions' of the quiz must be a list"),
    "a question that is no object": (QUESTION, 3, "question 1 must be an object"),
    "an option that is no object": (OPTION, 3, "option 1 of question 'half' must be an object"),
    "no words": ((*QUESTION, "question"), "", "'question' of question 1 is empty"),
    "an unknown key": ((*QUESTION, "hint"), "x", "question 1 has the unknown key ['hint']"),
    "an id twice": ((*QUESTION, "id"), "twice", "two questions have the id 'twice'"),
    "one option": ((*QUESTION, "options"), GOOD["questions"][0]["options"][1:], "has 1 options: give 2 to 5"),
    "six options": ((*QUESTION, "options"), GOOD["questions"][0]["options"] * 3, "has 6 options: give 2 to 5"),
    "two right options": ((*OPTION, "right"), True, "question 'half' has 2 right options: exactly one must be right"),
    "right as a word": ((*OPTION, "right"), "no", "'right' of option 1 of question 'half' must be true or false"),
    "no explanation": ((*OPTION, "why"), "", "'why' of option 1 of question 'half' is empty"),
    "an option twice": ((*OPTION, "text"), "1.5", "question 'half' has the same option twice"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_rule_refuses_the_quiz_that_breaks_it(name, tmp_path):
    (*way, last), value, message = BAD[name]
    content = copy.deepcopy(GOOD)
    item = content
    for step in way:
        item = item[step]
    item[last] = value
    with pytest.raises(QuizError) as caught:
        load(content, tmp_path)
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["id", "question", "options"])
def test_a_missing_key_is_named(key, tmp_path):
    content = copy.deepcopy(GOOD)
    del content["questions"][1][key]
    with pytest.raises(QuizError, match=f"question 2 has no '{key}'"):
        load(content, tmp_path)


def test_a_right_option_that_never_moves_is_refused(tmp_path):
    content = copy.deepcopy(GOOD)
    content["questions"][0]["options"].reverse()
    with pytest.raises(QuizError, match="always in the same place"):
        load(content, tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[]", "3"])
def test_what_is_no_quiz_is_refused(content, tmp_path):
    with pytest.raises(QuizError, match=r"the quiz is not JSON|the file must hold one object"):
        load(content, tmp_path)


def test_a_missing_quiz_is_named(tmp_path):
    with pytest.raises(QuizError, match=r"the quiz is missing: write 01\.json"):
        load_quiz("01", folder=tmp_path)
