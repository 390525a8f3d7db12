"""The log of verdicts and the tests for drift: nothing private, nothing lost between processes, and no crying wolf."""

import json
import math
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.deepfake import monitor
from course_lib.deepfake.monitor import NAMES, LogError, VerdictLog, answers, columns, record
from course_lib.deepfake.quality import Quality
from course_lib.deepfake.verdict_text import Moment, Verdict, doubts, no_face, outside
from course_lib.files import write_atomic

ROOT = Path(__file__).parents[2]
DIGEST = "0123456789ab"
WHEN = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

# A verdict without what takes long to import.
MADE = """
import builtins, os, signal, sys
from types import SimpleNamespace
from course_lib.deepfake import monitor

def made(faces=1, frames=1):
    version = {"name": "faces-detector", "sha256": "0123456789ab"}
    return SimpleNamespace(
        answer="unsure", probability=0.5, interval=None, reasons=(), faces=faces, frames=frames, base_rate=0.5, version=version,
        timeline=(), quality=None, score=0.0,
    )
"""
ADD = (
    MADE
    + """
path, frames, count = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(count)):
    monitor.VerdictLog(path).add(made(number, int(frames)))
"""
)
# Kills itself in the middle of a line.
KILL = (
    MADE
    + """
original = open
class Half:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *error): self.file.close()
    def __getattr__(self, name): return getattr(self.file, name)
    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
builtins.open = lambda path, mode="r", *rest: Half(original(path, mode, *rest)) if mode == "a+b" else original(path, mode, *rest)
monitor.VerdictLog(sys.argv[1]).add(made())
"""
)


def made(**changes):
    """A verdict on a film."""
    timeline = tuple(Moment(0.5 * place, score, 0.7) for place, score in enumerate((0.9, 1.1, None, 1.3)))
    values = {
        "answer": "manipulated", "probability": 0.7312, "interval": (0.6123, 0.8234), "reasons": (), "cases": None, "faces": 1,
        "frames": 4, "base_rate": 0.5, "version": {"name": "faces-detector", "sha256": DIGEST}, "scope": "faces", "timeline": timeline,
        "quality": Quality(203.7, 412.34, 1.0473), "score": 1.1412, "reencoded": 0.6,
    }  # fmt: skip
    return Verdict(**values | changes)


def start(code, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


# ---- one line


def test_a_line_holds_coarse_numbers_and_words_of_short_lists():
    assert record(made(), WHEN) == {
        "time": "2026-03-04T05:00Z", "answer": "manipulated", "probability": 0.75, "interval": [0.6, 0.8], "why": [], "faces": 1,
        "frames": 4, "base_rate": 0.5, "version": {"name": "faces-detector", "sha256": DIGEST}, "spread": 0.25, "score": 1.25,
        "side": 220, "sharpness": 430, "compression": 1.04,
    }  # fmt: skip


def test_the_hour_is_that_of_greenwich():
    assert record(made(), WHEN.astimezone(timezone(timedelta(hours=5.5))))["time"] == "2026-03-04T05:00Z"
    now = datetime.now(UTC)
    assert abs(datetime.strptime(record(made())["time"], "%Y-%m-%dT%H:%M%z") - now) <= timedelta(hours=1, seconds=5)


def test_what_is_not_known_is_null():
    line = record(
        made(
            answer="unsure",
            probability=None,
            interval=None,
            score=None,
            quality=None,
            timeline=(),
            reasons=(no_face(0, 1),),
        ),
        WHEN,
    )
    assert {name for name, value in line.items() if value is None} == {"probability", "interval", "spread", *NAMES}
    assert line["why"] == ["no face"]
    odd = record(made(score=math.nan, quality=Quality(math.inf, math.nan, 1.0), probability=math.nan))
    assert [odd[name] for name in ("probability", *NAMES)] == [None, None, None, None, 1.0]
    json.dumps(odd, allow_nan=False)


def words(value):
    """All texts in a line but its keys."""
    if isinstance(value, dict):
        return [word for each in value.values() for word in words(each)]
    if isinstance(value, (list, tuple)):
        return [word for each in value for word in words(each)]
    return [value] if isinstance(value, str) else []


@settings(deadline=None)
@given(st.text(), st.text(), st.sampled_from(monitor.ANSWERS))
def test_no_text_from_outside_gets_into_a_line(reason, scope, answer):
    reasons = (f"/home/anna/{reason}.jpg is too small", reason)
    line = record(made(answer=answer, reasons=reasons, scope=scope), WHEN)
    known = {*monitor.ANSWERS, *monitor.REASONS.values(), "other", "faces-detector", DIGEST, "2026-03-04T05:00Z"}
    assert set(words(line)) <= known
    assert "too small" in line["why"]


@pytest.mark.parametrize("name", ["/home/anna/face.jpg", "face.jpg", "..", "a b", "", "x" * 65, "anna\n"])
def test_a_version_with_a_name_that_could_be_a_path_is_refused(name):
    with pytest.raises(ValueError, match="name of a checkpoint"):
        record(made(version={"name": name, "sha256": DIGEST}))


def test_other_versions_and_answers_are_refused():
    assert record(made(version={"name": "a", "sha256": "ab" * 32}))["version"]["sha256"] == "ab" * 6
    with pytest.raises(ValueError, match="name of a checkpoint"):
        record(made(version={"name": "a", "sha256": "Anna's picture"}))
    with pytest.raises(ValueError, match="genuine, unsure, manipulated"):
        record(made(answer="fake"))


def test_each_reason_that_verdicts_give_has_a_word():
    profile = SimpleNamespace(least_side=64, least_sharpness=50.0, low=0.2, high=0.8)
    sentences = [no_face(0, 1), *outside(Quality(20.0, 3.0, 1.0), profile)]
    for numbers in (
        {"probability": 0.5, "interval": (0.1, 0.9), "reencoded": 0.5},
        {"probability": 0.9, "interval": None, "reencoded": 0.1},
    ):
        sentences += doubts(profile, numbers, ())
    assert len(sentences) >= 6
    found = record(made(answer="unsure", reasons=tuple(sentences)))["why"]
    assert found == sorted(monitor.REASONS.values())


# ---- the file


def test_what_was_added_is_read(tmp_path):
    log = VerdictLog(tmp_path / "new" / "verdicts.jsonl")
    assert log.read() == []
    added = [log.add(made(faces=number), WHEN) for number in range(3)]
    assert log.read() == added
    assert [line["faces"] for line in log.read()] == [0, 1, 2]
    assert log.path.read_bytes().count(b"\n") == 3


def test_processes_that_add_at_once_do_not_mix(tmp_path):
    path, count = tmp_path / "verdicts.jsonl", 150
    writers = [start(ADD, path, frames, count) for frames in (11, 22, 33)]
    assert [writer.stdout.readline() for writer in writers] == ["ready\n"] * 3
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 3
    lines = VerdictLog(path).read()  # a warning would fail: see below
    assert len(lines) == 3 * count
    frames = [line["frames"] for line in lines]
    assert sum(a != b for a, b in pairwise(frames)) > 3, "they did not run at once"
    for which in (11, 22, 33):
        assert [line["faces"] for line in lines if line["frames"] == which] == list(range(count))
    for writer in writers:
        writer.stdin.close()
        writer.stdout.close()


def test_a_process_killed_within_a_line_costs_that_line_alone(tmp_path):
    log = VerdictLog(tmp_path / "verdicts.jsonl")
    log.add(made(faces=1))
    with start(KILL, log.path) as process:
        assert process.wait(timeout=120) == -signal.SIGKILL
    with pytest.warns(UserWarning, match="1 of 2 lines cannot be read.*not finished"):
        assert [line["faces"] for line in log.read()] == [1]
    log.add(made(faces=2))
    with pytest.warns(UserWarning, match="1 of 3 lines cannot be read and are left out.$"):
        assert [line["faces"] for line in log.read()] == [1, 2]


def test_a_log_cut_off_anywhere_keeps_its_whole_lines(tmp_path):
    log = VerdictLog(tmp_path / "verdicts.jsonl")
    log.add(made(faces=1), WHEN)
    first = log.path.stat().st_size
    log.add(made(faces=2), WHEN)
    content = log.path.read_bytes()
    for size in range(first + 1, len(content)):
        log.path.write_bytes(content[:size])
        with pytest.warns(UserWarning, match="1 of 2"):
            assert len(log.read()) == 1
    log.path.write_bytes(content[:20])
    with pytest.warns(UserWarning, match="1 of 1"):
        assert log.read() == []


def test_a_sound_log_is_read_without_a_warning(tmp_path, recwarn):
    log = VerdictLog(tmp_path / "verdicts.jsonl")
    log.add(made())
    log.add(made())
    assert len(log.read()) == 2
    assert not recwarn


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n",
        b"{}\n",
        b'[1]\n"a"\n',
        b"[" * 100_000 + b"\n",
        b'{"time": 1, "answer": 2, "score": 3, "version": "x"}\n',
        b"\xff\xfe\n",
    ],
)
def test_another_file_is_no_log(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(LogError, match="no log of verdicts"):
        VerdictLog(tmp_path / "other").read()


def test_a_log_that_cannot_be_written_says_so(tmp_path, monkeypatch):
    with pytest.raises(LogError, match="cannot be written"):
        VerdictLog(tmp_path).add(made())
    with pytest.raises(LogError, match="cannot be read"):
        VerdictLog(tmp_path).read()
    write_atomic(tmp_path / "file", "")
    with pytest.raises(LogError, match="cannot be written"):
        VerdictLog(tmp_path / "file" / "verdicts.jsonl").add(made())
    monkeypatch.setattr(monitor, "PATIENCE", 0.1)
    log = VerdictLog(tmp_path / "verdicts.jsonl")
    with monitor.alone(log.path), pytest.raises(LogError, match="does not let go"):
        log.add(made())
    log.add(made())


def test_nothing_but_the_log_and_its_lock_is_left(tmp_path):
    VerdictLog(tmp_path / "verdicts.jsonl").add(made())
    assert {path.name for path in tmp_path.iterdir()} <= {"verdicts.jsonl", "verdicts.jsonl.lock"}


def test_columns_are_those_of_one_version():
    lines = [record(made(score=number, version={"name": "a", "sha256": "a" * 12})) for number in range(3)]
    lines += [record(made(score=9, quality=None, version={"name": "b", "sha256": "b" * 12}))]
    with pytest.raises(ValueError, match=r"several versions \(a aaaaaaaaaaaa, b bbbbbbbbbbbb\)"):
        columns(lines)
    assert (
        columns(lines, "a")["score"]
        == columns(lines, "a" * 64)["score"]
        == columns(lines, "aaaaaa")["score"]
        == [0, 1, 2]
    )
    assert columns(lines, "b") == {"score": [9], "side": [], "sharpness": [], "compression": []}
    assert columns(lines[:3])["side"] == [220] * 3
    assert columns(lines, "c")["score"] == []


def test_shares_of_answers():
    lines = [record(made(answer=answer)) for answer in ["genuine"] * 6 + ["unsure"] * 3 + ["manipulated"]]
    found = answers(lines)
    assert [found[answer][0] for answer in ("genuine", "unsure", "manipulated")] == [0.6, 0.3, 0.1]
    assert all(low < share < high for share, low, high in found.values())
    with pytest.raises(ValueError, match="no verdict"):
        answers([])
