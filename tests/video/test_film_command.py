"""``python -m course_lib film``: what it says, and how it ends."""

import re

import pytest

from course_lib import __main__ as command_line
from course_lib import colorizing
from course_lib.commands import options
from course_lib.video import film, open_film
from course_lib.video.scratch import scratch_folder
from tests.video.films import GREEN, RED, Paint, cut, error_to, moving, paint_key, two_shots, write_film, write_sound


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return two_shots(tmp_path_factory.mktemp("film") / "a.mp4")


@pytest.fixture(autouse=True)
def networks(monkeypatch):
    """Networks that need no training in the place of the checkpoints; the names that were asked for."""
    asked = []
    monkeypatch.setattr(colorizing, "find_network", lambda model: asked.append(model) or Paint(*RED))
    monkeypatch.setattr(film.checkpoints, "load_checkpoint", lambda name: asked.append(name))
    return asked


def run(*arguments):
    return command_line.main(["film", *map(str, arguments)])


def test_a_film_is_written_and_summed_up_in_one_line(source, tmp_path, capsys, networks):
    assert run(source, tmp_path / "b.mp4", "--side", 48) == 0
    said = capsys.readouterr()
    assert said.err == ""  # nobody watches
    line = r"14 frames in [\d.]+ s, [\d.]+ frames per second, \d+ keys, 2 shots\. Wrote .*b\.mp4\n"
    assert re.fullmatch(line, said.out)
    assert error_to(tmp_path / "b.mp4", RED) < 3
    assert networks == ["scenes-rebalanced", "clips-propagation"]


def test_options_arrive(source, tmp_path, monkeypatch):
    arrived = {}

    def note(source, target, **options):
        arrived.update(options, source=source, target=target)
        return film.FilmReport(1, 1.0, 1.0, 1, 1)

    monkeypatch.setattr(film, "colorize_video", note)
    options = [
        "--keys",
        "K",
        "--hints",
        "H",
        "--save-keys",
        "S",
        "--model",
        "M",
        "--temperature",
        "0.7",
        "--side",
        "99",
    ]
    assert run("IN", tmp_path / "b.mp4", *options) == 0
    assert arrived == {
        "source": "IN",
        "target": tmp_path / "b.mp4",
        "keys": "K",
        "hints": "H",
        "save_keys": "S",
        "model": "M",
        "temperature": 0.7,
        "side": 99,
    }
    run("IN", tmp_path / "b.mp4")
    assert (arrived["model"], arrived["temperature"], arrived["side"]) == (None, 0.38, colorizing.SIDE)


def test_one_of_each_is_written_so(tmp_path, capsys):
    run(write_film(tmp_path / "a.mp4", moving(1)), tmp_path / "b.mp4", "--side", 48)
    assert capsys.readouterr().out.startswith("1 frame in ")


def test_keys_are_saved_and_given_back(source, tmp_path, capsys):
    assert run(source, tmp_path / "b.mp4", "--side", 48, "--save-keys", tmp_path / "keys") == 0
    for path in (tmp_path / "keys").iterdir():
        paint_key(path, GREEN)
    assert run(source, tmp_path / "c.mp4", "--side", 48, "--keys", tmp_path / "keys") == 0
    assert error_to(tmp_path / "c.mp4", GREEN) < 4


def bad_film(kind, folder):
    path = folder / "a.mp4"
    if kind == "empty":
        path.touch()
    elif kind == "text":
        path.write_text("This is no film.\n" * 50)
    elif kind == "sound":
        write_sound(path)
    elif kind == "cover":
        write_sound(path, cover=True)
    elif kind == "folder":
        path.mkdir()
    elif kind == "cut":
        cut(write_film(folder / "whole.mp4", moving(20)), 0.6, path)
    elif kind == "cut behind the index":
        cut(write_film(folder / "whole.mp4", moving(40), container_options={"movflags": "faststart"}), 0.6, path)
    elif kind == "picture":
        paint_key(folder / "a.png", RED)
        path = folder / "a.png"
    return path


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", "There is no file"),
        ("empty", "is empty: 0 bytes"),
        ("text", "is no film that can be read"),
        ("sound", "holds only sound, no film"),
        ("cover", "holds only sound with a cover, no film"),
        ("folder", "is a folder. Name one film in it."),
        ("cut", "is cut off: its end"),
        ("cut behind the index", "of 40 frames are there"),
        ("picture", "is a picture. Use python -m course_lib colorize"),
    ],
)
def test_bad_films_end_in_one_line_and_nothing_is_left(tmp_path, capsys, kind, words):
    path = bad_film(kind, tmp_path)
    there = sorted(tmp_path.iterdir())
    assert run(path, tmp_path / "b.mp4") == 2
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.count("\n") == 1
    assert str(path) in said.err
    assert said.out == ""
    assert sorted(tmp_path.iterdir()) == there


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["b.avi"], "does not end in .mp4, .mov, .mkv"),
        (["b.mp4", "--keys", "no folder"], "There is no folder"),
        (["b.mp4", "--hints", "no file"], "cannot be read"),
        (["b.mp4", "--temperature", "0"], "temperature must be"),
        (["b.mp4", "--side", "4"], "side must be"),
    ],
)
def test_bad_options_end_in_one_line(source, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert run(source, *arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_film_itself_is_never_written_over(tmp_path, capsys):
    path = two_shots(tmp_path / "a.mp4")
    before = path.read_bytes()
    assert run(path, path) == 2
    assert "are the same" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_work_that_cannot_be_finished_is_1_and_goes_on(source, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(film, "join_parts", full)
        assert run(source, tmp_path / "b.mp4", "--side", 48) == 1
    said = capsys.readouterr()
    assert "cannot be written: No space left on device" in said.err
    assert run(source, tmp_path / "b.mp4", "--side", 48) == 0
    assert "Going on: 14 of 14 frames are there." in capsys.readouterr().err


def test_a_stop_says_how_to_go_on(source, tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    target = tmp_path / "b.mp4"
    monkeypatch.setattr(film, "color_shot", stop)
    assert run(source, target, "--side", 48) == 130
    said = capsys.readouterr().err
    assert "the same command goes on from there" in said
    assert str(scratch_folder(target)) in said
    monkeypatch.setattr(film, "open_film", stop)
    assert run(source, tmp_path / "c.mp4") == 130
    assert "Nothing was begun." in capsys.readouterr().err


def test_progress_is_shown_where_somebody_watches(source, tmp_path, monkeypatch):
    from course_lib.data import progress

    lines = []
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0)
    monkeypatch.setattr(progress, "_terminal_line", lambda: lambda text, end=False: lines.append(text))
    assert run(source, tmp_path / "b.mp4", "--side", 48) == 0
    counts = [int(line.split("] ")[1].split()[0]) for line in lines if line.startswith("Coloring [")]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (0, 14)
    assert any("to go" in line for line in lines)
    assert any(line.startswith("Looking for shots [") and "14 of 14" in line for line in lines)


def test_help_names_all_options(capsys):
    with pytest.raises(SystemExit, match="0"):
        run("--help")
    said = capsys.readouterr().out
    for option in ("IN", "OUT", "--keys", "--hints", "--save-keys", "--model", "--temperature", "--side"):
        assert option in said
    assert (options.SIDE, options.TEMPERATURE) == (colorizing.SIDE, 0.38)


def test_the_film_is_the_same_when_its_index_is_in_front(source, tmp_path):
    assert run(source, tmp_path / "b.mov", "--side", 48) == 0
    content = (tmp_path / "b.mov").read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert open_film(tmp_path / "b.mov").frames == 14
