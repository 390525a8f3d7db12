"""What the build and the check report: one line per problem, saying where it is and what to do."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing an author has to change.

    ``file`` is relative to the repository; ``line`` is the line of the lesson; ``cell`` counts the code cells from 1,
    the number that Jupyter shows in brackets.
    """

    file: str
    message: str
    line: int | None = None
    cell: int | None = None

    def __str__(self):
        place = f"{self.file}:{self.line}" if self.line else self.file
        cell = f" cell {self.cell}:" if self.cell else ""
        return f"{place}:{cell} {self.message}"


class LessonError(Exception):
    """A lesson or a notebook that cannot be used; ``problems`` says why."""

    def __init__(self, problems):
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))
