"""What says whether an exercise is right, with a hint for each known mistake."""

from course_lib.checks.checker import CHECKERS, Verdict, Wrong, call, call_for_tensor, check, checker, close, judge

__all__ = ["CHECKERS", "Verdict", "Wrong", "call", "call_for_tensor", "check", "checker", "close", "judge"]
