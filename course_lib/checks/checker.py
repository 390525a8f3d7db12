"""Exercise checks: run the checker of an exercise on an answer and print one line with the verdict."""

import importlib
import importlib.util
from dataclasses import dataclass

CHECKERS = {}  # name of the exercise -> function


class Wrong(Exception):
    """The answer is wrong; the message is the hint: what is probably the mistake, and where to look."""


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``passed``, and the sentence that goes with it."""

    name: str
    passed: bool
    message: str

    def __str__(self):
        return f"{'✓' if self.passed else '✗'} {self.name}: {self.message}"


def checker(name):
    """Register a function as the checker of an exercise, for example ``"01.luma"``.

    It takes the answer, returns a sentence for a right one and raises `Wrong` with a hint for a wrong one.
    """

    def register(function):
        if name in CHECKERS:
            raise ValueError(f"There are two checkers named {name!r}.")
        CHECKERS[name] = function
        return function

    return register


def judge(name, answer):
    """The verdict on an answer, without printing it.

    An error inside the answer becomes a hint: whoever solves an exercise should not have to read our stack trace.
    """
    function = _find(name)
    if answer is None:
        return Verdict(name, False, "no answer yet. Replace the line that says 'your code here'.")
    try:
        return Verdict(name, True, function(answer))
    except Wrong as wrong:
        return Verdict(name, False, str(wrong))
    except Exception as error:
        return Verdict(name, False, f"your answer stops with {type(error).__name__}: {error}")


def check(name, answer):
    """Print whether the answer to an exercise is right, with a hint if it is not; never raises for a wrong answer."""
    print(judge(name, answer))


def _find(name):
    module = f"course_lib.checks.lesson_{name.split('.')[0]}"
    if name not in CHECKERS and importlib.util.find_spec(module):
        importlib.import_module(module)
    if name not in CHECKERS:
        known = ", ".join(sorted(CHECKERS)) or "none"
        raise ValueError(f"There is no exercise {name!r}. Known: {known}.")
    return CHECKERS[name]


def call(answer, *arguments):
    """Call an answer on copies of the arguments, and say so if it gives nothing or changes them."""
    if not callable(answer):
        raise Wrong(f"a function is asked for, and this is {_kind(answer)}.")
    copies = [_copy(argument) for argument in arguments]
    result = answer(*copies)
    if result is None or result is Ellipsis:
        raise Wrong("no answer yet: the function returns nothing. Replace the line that says 'your code here'.")
    for argument, copy in zip(arguments, copies, strict=True):
        if hasattr(argument, "clone") and not argument.equal(copy):
            raise Wrong("the function changes its input. Make a new tensor, for example with x * 2 instead of x *= 2.")
    return result


def _copy(argument):
    return argument.clone() if hasattr(argument, "clone") else argument


def call_for_tensor(answer, *arguments, shape=None):
    """`call`, for an answer that must give a tensor (NumPy arrays and numbers will do) of a given shape."""
    import torch

    result = call(answer, *arguments)
    try:
        tensor = torch.as_tensor(result).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"a tensor is asked for, and this gives {_kind(result)}.") from None
    if shape is not None and tuple(tensor.shape) != tuple(shape):
        raise Wrong(f"the shape should be {tuple(shape)}, and it is {tuple(tensor.shape)}. Which axis holds what?")
    if not tensor.isfinite().all():
        raise Wrong("there are NaN or infinite values in the result. Is there a division by zero?")
    return tensor


def close(result, expected, tolerance):
    """Whether two tensors agree everywhere within a tolerance."""
    return result.shape == expected.shape and bool(((result.double() - expected.double()).abs() <= tolerance).all())


def _kind(value):
    return f"{'an' if type(value).__name__[0] in 'aeiou' else 'a'} {type(value).__name__}"


def random_numbers(*shape, seed=0):
    """Numbers from 0 to 1 to try an answer with, the same in every run."""
    import torch

    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def reject_known(result, mistakes, tolerance):
    """Raise the hint of the first mistake, (hint, what it gives), that the result agrees with."""
    for hint, mistaken in mistakes:
        if close(result, mistaken, tolerance):
            raise Wrong(hint)


def one_number(result):
    """The result as a tensor without axes; `Wrong` if it holds more than one number."""
    if result.numel() != 1:
        raise Wrong(f"one number is asked for, and this has the shape {tuple(result.shape)}.")
    return result.reshape(())
