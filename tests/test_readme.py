"""The README stays true: its links, names, commands and numbers exist."""

import re

import pytest

from course_lib.setup import install, python_version
from course_lib.setup.__main__ import make_parser
from course_lib.setup.environment import ROOT
from tests.browser.test_lessons import LESSONS

README = (ROOT / "README.md").read_text(encoding="utf-8")
# what stands in backticks: in prose, "make" is a word like others
CODE = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", README, re.S))
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^(\w+):", MAKEFILE, re.M))
COMMANDS = set(make_parser()._subparsers._group_actions[0].choices)
LINKS = [link for link in re.findall(r"\]\(([^)]+)\)", README) if not link.startswith("https://")]
# names in backticks that look like a path of the repository
PATHS = [
    name for name in re.findall(r"`([\w./-]+)`", README) if "/" in name or name.endswith((".yml", ".toml", ".txt"))
]


@pytest.mark.parametrize("path", sorted({*LINKS, *PATHS}))
def test_what_the_readme_names_exists(path):
    assert (ROOT / path).exists()


def test_make_targets_are_those_of_the_readme():
    assert set(re.findall(r"\bmake (\w+)", CODE)) == TARGETS


def test_each_make_target_is_one_line_that_calls_the_set_up():
    recipes = dict(re.findall(r"^(\w+):\n\t@(.*)$", MAKEFILE, re.M))
    assert recipes.keys() == TARGETS
    assert all(re.fullmatch(rf"\$\(SETUP\) {name}( \$\(ARGS\))?", recipe) for name, recipe in recipes.items())


def test_each_plain_command_is_known():
    named = re.findall(r"-m course_lib\.setup (\w+)", README)
    assert set(named) == TARGETS
    assert set(named) <= COMMANDS


def test_the_two_commands_come_first():
    first = re.search(r"```bash\n(.*?)```", README, re.S).group(1)
    assert re.findall(r"^\S+ \S+", first, re.M) == ["make lab", "make test"]


def test_the_pythons_are_those_that_the_set_up_accepts():
    named = {tuple(map(int, version.split("."))) for version in re.findall(r"\b(3\.1\d)\b", README)}
    assert named == {(3, minor) for minor in range(python_version.OLDEST[1], python_version.NEWEST[1] + 1)}


def test_the_disk_space_is_what_the_set_up_asks_for():
    needed = re.findall(r"(\d+) GB of free disk", README) + re.findall(r"free (\d+) GB", README)
    assert set(needed) == {f"{install.LINUX_GB + install.ROOM_GB:.0f}"}


def test_lessons_called_ready_are_those_that_the_browser_tests_open():
    assert re.findall(r"^\| \[(\w+)\].*\| ready \|$", README, re.M) == list(LESSONS)
    assert sorted(path.stem for path in (ROOT / "lessons").glob("[0-9]*.md")) == list(LESSONS)
