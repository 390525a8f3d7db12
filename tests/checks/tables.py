"""What the checks of every lesson must do with tables of right and of wrong answers, as three tests."""

import pytest

from course_lib.checks import judge

SHARED = ("not yet", "shape")  # hints that are said of many mistakes


def table_tests(exercises, general=()):
    """The tests of a lesson's checks, to be given names that start with ``test_``.

    Parameters
    ----------
    exercises : dict of str to (dict, dict)
        By the name of the exercise: answers that must pass, by name, and wrong ones, ``(answer, part of the hint)`` by name.
    general : sequence of str
        Hints that several mistakes of one exercise share, since their results are the same.

    Returns
    -------
    right_answers_pass, wrong_answers_get_their_hint, hints_differ : test functions
    """

    @pytest.mark.parametrize(("name", "way"), [(name, way) for name, (right, _) in exercises.items() for way in right])
    def right_answers_pass(name, way):
        verdict = judge(name, exercises[name][0][way])
        assert verdict.passed, verdict

    @pytest.mark.parametrize(("name", "way"), [(name, way) for name, (_, wrong) in exercises.items() for way in wrong])
    def wrong_answers_get_their_hint(name, way):
        answer, hint = exercises[name][1][way]
        verdict = judge(name, answer)
        assert not verdict.passed, verdict
        assert hint in verdict.message, verdict

    @pytest.mark.parametrize("name", exercises)
    def hints_differ(name):
        """Two mistakes with one hint would leave a learner in the dark; some outcomes are those of several mistakes."""
        shared = (*SHARED, *general)
        messages = [judge(name, answer).message for answer, hint in exercises[name][1].values() if hint not in shared]
        assert len(set(messages)) == len(messages), messages

    return right_answers_pass, wrong_answers_get_their_hint, hints_differ
