"""The lessons of the course: their names, their questions, and which of them are there."""

import json
from pathlib import Path
from typing import NamedTuple

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"

QUESTIONS = {
    "00_start_here": "Does my machine work, and where is this going?",
    "01_rgb_vs_lab": "Why do we predict two channels, not three?",
    "02_l2_desaturation": "Why does the obvious loss give sepia?",
    "03_color_as_classification": "What if the network answers with a distribution?",
    "04_class_rebalancing": "How do rare colors come back?",
    "05_semantic_fusion": "How does knowing what it is help to color it?",
    "06_user_hints": "How does a person stay in charge?",
    "07_pix2pix": "Can a second network be the loss?",
    "08_nogan": "How do we get the GAN's color without its artifacts?",
    "09_video_colorization": "Why does it flicker, and what stops it?",
    "10_deepfake_detection": "Is this face genuine, and how sure are we?",
    "11_evaluate_and_repair": "When is a colorization good, and what can be repaired afterwards?",
    "12_capstone": "How does it become a tool that others use, and how is it kept right?",
}


class Stop(NamedTuple):
    """A lesson on the map: your minutes, and the seconds of the machine at the quick budget (None where not there yet)."""

    name: str
    question: str
    minutes: int | None
    seconds: int | None


def course_map(notebooks=NOTEBOOKS):
    """Every lesson of the course with its times, in order: a list of `Stop`."""
    times = read_times(notebooks)
    return [
        Stop(name, question, _minutes(notebooks / f"{name}.ipynb"), times.get(name))
        for name, question in QUESTIONS.items()
    ]


def map_table(stops):
    """The map as a Markdown table, with links to the notebooks that are there."""
    lines = ["| lesson | question that it answers | your minutes | machine, seconds |", "|:--|:--|--:|--:|"]
    return "\n".join(lines + [_row(stop) for stop in stops])


def _row(stop):
    if stop.minutes is None:
        return f"| {stop.name} | {stop.question} | planned | |"
    seconds = "not measured" if stop.seconds is None else stop.seconds
    return f"| [{stop.name}]({stop.name}.ipynb) | {stop.question} | {stop.minutes} | {seconds} |"


def read_times(notebooks):
    """``{"01_rgb_vs_lab": 42, ...}``: seconds at the quick budget on the machine that built the notebooks."""
    path = notebooks / "times.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _minutes(path):
    if not path.exists():
        return None
    return json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["minutes"]
