"""The frame of the exercise checks: verdicts, hints, and what an answer may do wrong before its content counts."""

import pytest
import torch

from course_lib.checks import Wrong, call, call_for_tensor, check, checker, judge
from course_lib.checks.checker import CHECKERS


@pytest.fixture(autouse=True)
def sample_checker(monkeypatch):
    def double(answer):
        if not torch.equal(
            call_for_tensor(answer, torch.tensor([1.0, 2.0]), shape=(2,)), torch.tensor([2.0, 4.0]).double()
        ):
            raise Wrong("twice, not this.")
        return "right, twice as much."

    monkeypatch.setitem(CHECKERS, "01.sample", double)


@pytest.mark.parametrize("answer", [lambda x: x * 2, lambda x: x + x, lambda x: (x * 2).numpy(), lambda x: [2.0, 4.0]])
def test_right_answers_pass(answer):
    verdict = judge("01.sample", answer)
    assert verdict.passed
    assert str(verdict) == "✓ 01.sample: right, twice as much."


def change_input(x):
    x *= 2
    return x


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (None, "no answer yet"),
        (lambda x: None, "no answer yet"),
        (lambda x: ..., "no answer yet"),
        (3, "a function is asked for, and this is an int"),
        (lambda x: x, "twice, not this"),
        (lambda x: x[:1], "shape should be (2,), and it is (1,)"),
        (lambda x: x / 0, "NaN or infinite"),
        (lambda x: "four", "a tensor is asked for"),
        (lambda x: x.nothing, "AttributeError"),
        (lambda: 1, "TypeError"),
        (change_input, "changes its input"),
    ],
)
def test_wrong_answers_fail_with_a_hint(answer, hint):
    verdict = judge("01.sample", answer)
    assert not verdict.passed
    assert hint in verdict.message


def test_check_prints_and_never_raises(capsys):
    check("01.sample", lambda x: 1 / 0)
    assert capsys.readouterr().out.startswith("✗ 01.sample: your answer stops with ZeroDivisionError")


def test_an_unknown_exercise_is_an_error():
    with pytest.raises(ValueError, match=r"no exercise '01\.nothing'"):
        judge("01.nothing", 1)


def test_two_checkers_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two checkers"):
        checker("01.sample")(lambda answer: "")


def test_an_answer_cannot_change_the_argument_of_the_check():
    x = torch.ones(2)
    with pytest.raises(Wrong, match="changes its input"):
        call(change_input, x)
    assert x.tolist() == [1, 1]
