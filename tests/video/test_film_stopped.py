"""Runs that were stopped: what is done is not done again, and nothing else is taken for it."""

import json
from functools import partial
from itertools import islice
from types import SimpleNamespace

import pytest
import torch

from course_lib.video import UnfinishedError, film, open_film, painting, writing
from course_lib.video.propagation import color_shot
from course_lib.video.scratch import scratch_folder
from course_lib.video.store import FolderMemory
from tests.video.films import (
    COUNT,
    GREEN,
    RED,
    Paint,
    colorize,
    error_to,
    moving,
    paint_key,
    soften,
    two_shots,
    write_film,
)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return two_shots(tmp_path_factory.mktemp("film") / "a.mp4")


def stop_after(parts, source, target, monkeypatch, **options):
    """A run that is stopped by Ctrl-C when so many parts are there."""
    write, done = painting.write_part, []

    def stopping(path, pictures, about):
        if len(done) == parts:
            next(iter(pictures))
            raise KeyboardInterrupt
        write(path, pictures, about)
        done.append(path)

    with monkeypatch.context() as patch:
        patch.setattr(painting, "write_part", stopping)
        with pytest.raises(KeyboardInterrupt):
            colorize(source, target, **options)


def test_a_stopped_run_goes_on_and_computes_nothing_twice(source, tmp_path, monkeypatch, capsys):
    colorize(source, tmp_path / "whole.mp4", save_keys=tmp_path / "keys")
    monkeypatch.setattr(painting, "PART", 4)
    target = tmp_path / "b.mp4"
    target.write_text("old")
    stop_after(1, source, target, monkeypatch, save_keys=tmp_path / "saved")
    assert target.read_text() == "old"
    parts = scratch_folder(target) / "parts"
    assert [path.name for path in parts.iterdir()] == ["000000000-000000003.mp4"]
    written = (parts / "000000000-000000003.mp4").stat().st_mtime_ns
    network, seen = Paint(*RED), []
    monkeypatch.setattr(film, "join_parts", lambda files, *rest: (seen.extend(files), writing.join_parts(files, *rest)))
    monkeypatch.setattr("course_lib.video.scanning.read_frames", None)
    monkeypatch.setattr(film.shutil, "rmtree", lambda *_: None)
    report = colorize(source, target, model=network, save_keys=tmp_path / "saved", quiet=False)
    assert "Going on: 4 of 14 frames are there." in capsys.readouterr().err
    assert report.frames == COUNT
    assert report.rate == pytest.approx(10 / report.seconds)
    assert seen[0].stat().st_mtime_ns == written
    assert len(network.seen) <= 2  # the first keys of the two shots
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == sorted(
        path.name for path in (tmp_path / "keys").iterdir()
    )
    assert report.keys == len(list((tmp_path / "keys").iterdir()))


@pytest.mark.parametrize("first", range(12))
def test_colors_are_those_of_their_frames_wherever_a_part_begins(tmp_path, first):
    truth = torch.arange(12.0)[:, None, None, None].expand(12, 2, 3, 4)
    memory = FolderMemory(tmp_path / "memory")
    memory["keys"] = memory["key 000003"] = torch.zeros(1)
    for start, last in ((7, 11), (0, 2), (3, 6)):
        memory[f"leg {start:06d} {last:06d}"] = truth[start : last + 1].contiguous()
    found = list(painting.colors_from(memory, first))
    assert torch.equal(torch.stack(found), truth[first:])


class Tinted(Paint):
    """Give colors that change with the lightness."""

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        small = torch.nn.functional.avg_pool2d(l, 4)
        return torch.cat([small * 0.3 + 0.033, 0.217 - small * 0.2], 1)


@pytest.mark.parametrize("propagation", [None, film.PROPAGATION])
@pytest.mark.parametrize("legs", [1, 3])
def test_the_film_is_the_same_when_a_run_was_stopped_between_legs(tmp_path, monkeypatch, propagation, legs):
    source = write_film(tmp_path / "a.mp4", soften(moving(30, grain=4)))
    options = {"model": Tinted(*RED), "propagation": propagation}
    short = partial(color_shot, longest=6)
    monkeypatch.setattr(film, "color_shot", short)
    colorize(source, tmp_path / "whole.mp4", **options)

    def stopping(*arguments):
        yield from islice(short(*arguments), legs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(film, "color_shot", stopping)
        with pytest.raises(KeyboardInterrupt):
            colorize(source, tmp_path / "b.mp4", **options)
    colorize(source, tmp_path / "b.mp4", **options)
    assert (tmp_path / "b.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_other_options_begin_anew_and_say_so(source, tmp_path, monkeypatch, capsys):
    target = tmp_path / "b.mp4"
    stop_after(1, source, target, monkeypatch)
    colorize(source, target, model=Paint(*GREEN), quiet=False)
    assert "Beginning anew" in capsys.readouterr().err
    assert error_to(target, GREEN) < 3


def test_a_plan_knows_what_a_film_depends_on(source, tmp_path):
    paint_key(tmp_path / "keys" / "3.png", GREEN)
    about = open_film(source)

    def plan(network=None, keys=None, temperature=0.38, side=48, save_keys=None, model=None, source=about):
        given = film.Given(source, (48, 64), keys, None, model or Paint(*RED), temperature)
        return json.dumps(
            film._Run(source, tmp_path / "b.mp4", given, network, side, save_keys, True).plan, sort_keys=True
        )

    first = plan()
    assert plan() == first
    others = [
        plan(Paint(1, 2)),
        plan(keys=tmp_path / "keys"),
        plan(temperature=0.5),
        plan(side=56),
        plan(save_keys=tmp_path / "s"),
    ]
    others.append(plan(model=Paint(*GREEN)))
    paint_key(tmp_path / "keys" / "3.png", RED)
    others.append(plan(keys=tmp_path / "keys"))
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(source.read_bytes()[:-1] + b"x")
    others.append(plan(source=SimpleNamespace(**{**vars(about), "path": copy})))
    assert len({first, *others}) == 9


def test_what_is_left_when_the_disk_is_full(source, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    target = tmp_path / "b.mp4"
    with monkeypatch.context() as patch:
        patch.setattr(film, "join_parts", full)
        with pytest.raises(UnfinishedError, match="cannot be written: No space left on device"):
            colorize(source, target)
    assert scratch_folder(target).is_dir()
    assert not target.exists()
    network = Paint(*RED)
    colorize(source, target, model=network)
    assert network.seen == []
    assert not scratch_folder(target).exists()
