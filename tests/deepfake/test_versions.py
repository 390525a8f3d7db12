"""Promotion and roll back: bound to the files, safe with two processes, and never half written."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from course_lib.deepfake import gating, versions
from course_lib.deepfake.calibrate import Calibration, CaseTable
from course_lib.deepfake.profile import Profile, read_profile, write_profile
from course_lib.deepfake.versions import Decision, VersionError, Versions, gate, measure_version
from course_lib.models import ForgeryNet
from course_lib.models.checkpoints import CheckpointError, write_checkpoint

ROOT = Path(__file__).parents[2]
FILMS = 200
LABELS = torch.arange(FILMS) % 2

# Promotes the version that it is told to, once it is told to; the numbers come from the parent.
PROMOTE = """
import pickle, sys
from course_lib.deepfake.versions import Versions
folder, name, path = sys.argv[1:]
decision = pickle.loads(open(path, "rb").read())
print("ready", flush=True)
sys.stdin.readline()
try:
    Versions(folder).promote(name, decision)
    print("promoted")
except ValueError as error:
    print(type(error).__name__, error)
"""
# Kills itself while versions.json is written: before it takes its name.
KILL = """
import os, signal, sys
from course_lib import files
from course_lib.deepfake.versions import Versions
files.os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)
Versions(sys.argv[1]).roll_back("to be killed")
"""


@pytest.fixture(autouse=True, scope="module")
def _fewer_draws():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gating, "DRAWS", 50)
        yield


def add(folder, name, seed=0, slope=1.0):
    """A version: checkpoint, card, profile."""
    torch.manual_seed(seed)
    network = ForgeryNet(widths=(4, 4, 4), blocks=(0, 0, 0))
    card = {
        "network": {"class": "ForgeryNet", "arguments": network.arguments, "parameters": 99},
        "data": {"name": "faces"},
        "seed": seed,
    }
    card = write_checkpoint(name, network, card, folder)
    calibrate(folder, name, card["sha256"], slope)


def calibrate(folder, name, sha256, slope=1.0):
    table = CaseTable((0.0,), (5, 45), (50, 50))
    calibration = Calibration(slope, 0.0, "platt", 100)
    write_profile(Profile(name, sha256, calibration, table, 0.2, 0.8, 64, 50.0, "tests", {"score": [0.5]}), folder)


def measured(folder, name, apart=3.0):
    """Numbers for the version as it lies in the folder."""
    generator = torch.Generator().manual_seed(0)
    films = apart * (torch.randn(FILMS, generator=generator) + apart * (LABELS - 0.5))
    faces = apart * (torch.randn(400, generator=generator) - apart / 2)
    return measure_version(films, LABELS, faces, read_profile(name, folder), test_set="frozen")


def decide(folder, name, live="first", apart=3.0):
    return gate(measured(folder, name, apart), measured(folder, live))


@pytest.fixture
def folder(tmp_path):
    """Three versions, the first of them live."""
    for seed, name in enumerate(("first", "second", "third")):
        add(tmp_path, name, seed)
    Versions(tmp_path).begin("first")
    return tmp_path


def events(folder):
    return [(entry["event"], entry["name"]) for entry in Versions(folder).history]


def start(code, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], cwd=ROOT, env=environment, **pipes)


# ---- the way of a version


def test_a_folder_without_a_history(tmp_path):
    add(tmp_path, "first")
    there = Versions(tmp_path)
    assert (there.live, there.history, there.names()) == (None, [], ["first"])
    with pytest.raises(VersionError, match="begin"):
        there.promote("first", decide(tmp_path, "first"))
    with pytest.raises(VersionError, match="none was live before"):
        there.roll_back("no reason")
    there.begin("first")
    assert there.live == "first"
    with pytest.raises(VersionError, match="'first' is live already"):
        there.begin("first")


def test_promotion_roll_back_and_history(folder):
    there = Versions(folder)
    assert there.propose("second", decide(folder, "second"))
    assert there.live == "first"
    assert there.promote("second", decide(folder, "second")) == "first"
    assert Versions(folder).live == "second"
    there.promote("third", decide(folder, "third", "second"))
    assert there.roll_back("false alarms on Monday") == "second"
    assert there.live == "second"
    assert there.roll_back("the same") == "first", "a second roll back goes further back, not forth again"
    with pytest.raises(VersionError, match="none was live before"):
        there.roll_back("once more")
    assert events(folder) == [
        ("begun", "first"), ("proposed", "second"), ("promoted", "second"), ("promoted", "third"), ("rolled back", "third"),
        ("rolled back", "second"),
    ]  # fmt: skip
    entry = there.history[-2]
    assert entry["why"] == "false alarms on Monday"
    assert entry["to"] == "second"
    assert there.history[2]["candidate"]["auc"] == [round(value, 4) for value in measured(folder, "second").auc]
    assert all(entry["time"].endswith("Z") and len(entry["sha256"]) == 64 for entry in there.history)


def test_what_was_rolled_back_comes_again_only_on_purpose(folder):
    there, decision = Versions(folder), decide(folder, "second")
    there.promote("second", decision)
    there.roll_back("Called my aunt a fake.")
    with pytest.raises(VersionError, match=r"Called my aunt a fake.*again=True"):
        there.promote("second", decision)
    there.promote("second", decision, again=True)
    assert there.live == "second"
    with pytest.raises(VersionError, match="Say why"):
        there.roll_back("  ")


def test_a_worse_version_is_refused_and_remembered(folder):
    there, decision = Versions(folder), decide(folder, "second", apart=1.0)
    with pytest.raises(
        VersionError, match=r"The gate refuses 'second'. AUC on films 0\.\d+, live 0\.\d+.*That is worse"
    ):
        there.promote("second", decision)
    assert not there.propose("second", decision)
    assert there.live == "first"
    assert events(folder) == [("begun", "first"), ("refused", "second")]
    assert "That is worse." in there.history[-1]["reasons"][0]


# ---- bound to the files


def test_a_decision_is_void_for_other_weights_another_profile_and_another_name(folder):
    there, decision = Versions(folder), decide(folder, "second")
    assert decision.promote
    with pytest.raises(VersionError, match=r"made for second .*, and here is third"):
        there.promote("third", decision)
    calibrate(folder, "second", decision.candidate.sha256, slope=1.01)
    with pytest.raises(VersionError, match=r"made for second .*profile .*here is second"):
        there.promote("second", decision)
    add(folder, "second", seed=9)
    for action in (there.promote, there.propose):
        with pytest.raises(VersionError, match="made for second"):
            action("second", decision)
    assert there.live == "first"
    assert len(there.history) == 1


def test_a_decision_against_another_live_version_is_void(folder):
    there = Versions(folder)
    second, third = decide(folder, "second"), decide(folder, "third")
    there.promote("second", second)
    with pytest.raises(VersionError, match=r"compares with first .*, and live is second"):
        there.promote("third", third)
    with pytest.raises(VersionError, match="live already"):
        there.promote("second", decide(folder, "second", "second"))
    assert there.live == "second"


def test_a_decision_without_a_profile_or_by_hand_is_void(folder):
    decision = decide(folder, "second")
    bare = replace(decision.candidate, name="", sha256="", profile="")
    with pytest.raises(VersionError, match="a bare calibration"):
        Versions(folder).promote("second", Decision(True, (), bare, decision.live))
    with pytest.raises(VersionError, match="refuses"):
        Versions(folder).promote("second", replace(decision, promote=False, reasons=("No.",)))


def test_files_that_changed_or_are_gone_are_noticed(folder):
    there, decision = Versions(folder), decide(folder, "second")
    weights = folder / "second.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match=r"second\.safetensors is not the file"):
        there.promote("second", decision)
    weights.write_bytes(content)
    (folder / "second-profile.json").rename(folder / "kept")
    with pytest.raises(CheckpointError, match="no calibration"):
        there.promote("second", decision)
    (folder / "kept").rename(folder / "second-profile.json")
    there.promote("second", decision)
    add(folder, "second", seed=9)
    with pytest.raises(CheckpointError, match="'second' have changed since it was live"):
        there.live  # noqa: B018 - it is the question that raises
    assert there.roll_back("its files are gone") == "first", (
        "a damaged live version must not keep the good one from coming back"
    )


def test_no_way_back_to_files_that_changed(folder):
    there = Versions(folder)
    there.promote("second", decide(folder, "second"))
    add(folder, "first", seed=9)
    with pytest.raises(CheckpointError, match="'first' have changed"):
        there.roll_back("to what was")
    assert there.live == "second"


@pytest.mark.parametrize("name", ["../first", "a/b", "", ".", "first.json"])
def test_names_that_are_paths_are_refused(folder, name):
    with pytest.raises(VersionError, match="A version has a name"):
        Versions(folder).promote(name, decide(folder, "second"))


# ---- the file


@pytest.mark.parametrize("change", [
    lambda text: "", lambda text: text[: len(text) // 2], lambda text: "[]", lambda text: "{}", lambda text: "\x00",
    lambda text: text.replace('"live": "first"', '"live": "second"'), lambda text: text.replace("detector, 1", "detector, 2"),
    lambda text: text.replace('"begun"', '"rolled back"'), lambda text: text.replace('"sha256"', '"sha"'),
])  # fmt: skip
def test_a_damaged_file_says_what_to_do_and_is_not_overwritten(folder, change):
    there = Versions(folder)
    damaged = change(there.path.read_text())
    there.path.write_text(damaged)
    decision = decide(folder, "second")
    for action in (
        lambda: there.live, lambda: there.begin("first"), lambda: there.promote("second", decision), lambda: there.roll_back("so"),
        there.compare,
    ):  # fmt: skip
        with pytest.raises(VersionError, match=r"versions\.json is damaged.*begin"):
            action()
    assert there.path.read_text() == damaged


def test_of_two_processes_that_promote_at_once_one_does(folder, tmp_path_factory):
    import pickle

    kept, processes = tmp_path_factory.mktemp("decisions"), []
    for name in ("second", "third"):
        (kept / name).write_bytes(pickle.dumps(decide(folder, name)))
        processes.append(start(PROMOTE, folder, name, kept / name))
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert sorted(text.split()[0] for text in said) == ["VersionError", "promoted"]
    (refused,) = (text for text in said if text != "promoted\n")
    assert "The decision compares with first" in refused
    winner = ("second", "third")[said.index("promoted\n")]
    assert events(folder) == [("begun", "first"), ("promoted", winner)]


def test_a_killed_write_changes_nothing_and_leaves_nothing_behind(folder):
    there = Versions(folder)
    there.promote("second", decide(folder, "second"))
    before = there.path.read_bytes()
    with start(KILL, folder) as process:
        assert process.wait(timeout=120) == -signal.SIGKILL
    assert there.path.read_bytes() == before
    assert len(list(folder.glob(".versions.json.*"))) == 1
    assert there.live == "second"
    there.roll_back("for good")  # the lock of the dead one is free
    assert there.live == "first"
    assert not list(folder.glob(".versions.json.*"))


def test_a_process_that_does_not_let_go_is_waited_for_and_named(folder, monkeypatch):
    monkeypatch.setattr("course_lib.deepfake.monitor.PATIENCE", 0.1)
    there = Versions(folder)
    with versions.alone(there.path), pytest.raises(VersionError, match="does not let go"):
        there.roll_back("so")


# ---- side by side


def test_versions_side_by_side(folder):
    there = Versions(folder)
    there.propose("second", decide(folder, "second"))
    (folder / "third.safetensors").write_bytes(b"")
    rows = there.compare()
    assert [row["name"] for row in rows] == ["first", "second", "third"]
    assert all(tuple(row) == versions.COLUMNS for row in rows)
    assert [row["live"] for row in rows] == [True, False, False]
    assert [row["problem"] is None for row in rows] == [True, True, False]
    first, second = rows[:2]
    assert (first["network"], first["data"], first["seed"], first["slope"], first["high"]) == (
        "ForgeryNet",
        "faces",
        0,
        1.0,
        0.8,
    )
    assert first["auc"] == [round(value, 4) for value in measured(folder, "first").auc]
    assert second["test_set"] == "frozen"
    assert second["sha256"] == json.loads((folder / "second.json").read_text())["sha256"][:12]
    assert "is not the file" in rows[2]["problem"]
    (row,) = there.compare(["second"])
    assert row == second
    json.dumps(rows)


def test_numbers_of_a_version_are_forgotten_when_it_changes(folder):
    there = Versions(folder)
    there.propose("second", decide(folder, "second"))
    calibrate(folder, "second", there.history[-1]["sha256"], slope=1.5)
    assert there.compare(["second"])[0]["auc"] is None
