"""The map of the course: names as in the README, times as measured, and nothing promised that is not there."""

import json

from course_lib import lessons
from course_lib.setup.environment import ROOT


def test_the_readme_lists_the_same_lessons_and_questions():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in readme.splitlines() if line.startswith(("| [", "| 0", "| 1"))]
    listed = {row[1].strip().lstrip("[").partition("]")[0]: row[2].strip() for row in rows}
    assert listed == lessons.QUESTIONS


def test_every_lesson_source_is_on_the_map():
    sources = {path.stem for path in (ROOT / "lessons").glob("[0-9]*.md")}
    assert sources == {stop.name for stop in lessons.course_map() if stop.minutes is not None}


def test_times_and_minutes_come_from_the_notebooks(tmp_path):
    notebook = {"metadata": {"course": {"minutes": 40}}, "cells": []}
    (tmp_path / "01_rgb_vs_lab.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "times.json").write_text('{"01_rgb_vs_lab": 21}')
    stops = {stop.name: stop for stop in lessons.course_map(tmp_path)}
    assert stops["01_rgb_vs_lab"][2:] == (40, 21)
    assert stops["02_l2_desaturation"][2:] == (None, None)
    table = lessons.map_table(stops.values())
    assert "[01_rgb_vs_lab](01_rgb_vs_lab.ipynb) | Why do we predict two channels, not three? | 40 | 21 |" in table
    assert "| 02_l2_desaturation | Why does the obvious loss give sepia? | planned | |" in table
