"""The set-up on machines where something is missing: each problem is one sentence, and nothing is left half done."""

import ast
import errno
import importlib.util
import inspect
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections import namedtuple

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_lib.setup import SetupError, commands, environment, install, lab, python_version, require_course_environment
from course_lib.setup.__main__ import main
from course_lib.setup.environment import ROOT
from tests.offline import offline_environment

DiskUsage = namedtuple("DiskUsage", "total used free")
STANDARD_LIBRARY_ONLY = [*sorted((ROOT / "course_lib" / "setup").glob("*.py")), ROOT / "course_lib" / "files.py"]


def assert_one_sentence(text):
    """Fail unless ``text`` is one sentence on one line."""
    assert "\n" not in text.strip()
    assert text.strip().endswith(".")
    assert not re.search(r"\. [A-Z]", text), "more than one sentence"


def error_of(function, *arguments):
    """Return the sentence of the SetupError that ``function`` raises."""
    with pytest.raises(SetupError) as raised:
        function(*arguments)
    assert_one_sentence(str(raised.value))
    return str(raised.value)


# --- a Python that is too old or too new


@pytest.mark.parametrize("path", STANDARD_LIBRARY_ONLY, ids=lambda path: path.name)
def test_python_38_can_read_what_tells_it_that_it_is_too_old(path):
    ast.parse(path.read_text(), feature_version=(3, 8))


def test_the_set_up_needs_nothing_but_the_standard_library():
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import course_lib.setup.__main__"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 10, 13), (3, 14, 0), (2, 7, 18)])
def test_another_python_is_told_which_one_is_needed(version):
    sentence = error_of(python_version.check_python, version)
    assert f"This is Python {version[0]}.{version[1]}, but the course needs Python 3.11 to 3.13" in sentence


def test_a_python_of_this_machine_is_proposed(monkeypatch):
    monkeypatch.setattr(python_version, "find_supported", lambda: "python3.12")
    assert "use this one instead: python3.12" in error_of(python_version.check_python, (3, 8, 0))
    monkeypatch.setattr(python_version, "find_supported", lambda: None)
    assert "https://www.python.org/downloads/" in error_of(python_version.check_python, (3, 8, 0))


@pytest.mark.parametrize("version", [(3, 11, 2), (3, 12, 0), (3, 13, 9)])
def test_supported_pythons_pass(version):
    python_version.check_python(version)


@pytest.mark.skipif(os.name == "nt", reason="a shell script stands for the Python that does not start")
def test_a_python_that_does_not_start_has_no_version(tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    assert python_version.read_version(broken) is None
    assert python_version.read_version(tmp_path / "missing") is None
    assert python_version.read_version(sys.executable) == sys.version_info[:3]


def test_a_python_without_ensurepip_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    assert f"apt install python3.{sys.version_info[1]}-venv" in error_of(environment.check_venv_module)


# --- the environment: made, kept, mended


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the two requirement files, an installer that only counts, and environments without pip (quick)."""
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    calls = []
    monkeypatch.setattr(install, "install_course", lambda python, root: calls.append(root))
    monkeypatch.setattr(environment, "VENV_OPTIONS", ("--without-pip",))
    return namedtuple("Project", "root calls")(tmp_path, calls)


def test_the_second_set_up_installs_nothing_and_takes_under_two_seconds(project):
    python = environment.ensure_environment(project.root)
    start = time.perf_counter()
    assert environment.ensure_environment(project.root) == python
    assert time.perf_counter() - start < 2
    assert len(project.calls) == 1
    assert python_version.read_version(python) == sys.version_info[:3]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_changed_requirement_file_is_installed(project, name):
    environment.ensure_environment(project.root)
    with (project.root / name).open("a") as file:
        file.write("# changed\n")
    environment.ensure_environment(project.root)
    assert len(project.calls) == 2


def test_an_interrupted_installation_is_repeated(project, monkeypatch):
    environment.ensure_environment(project.root)
    (project.root / "constraints.txt").write_text("changed")
    with monkeypatch.context() as patch:
        patch.setattr(install, "install_course", lambda python, root: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            environment.ensure_environment(project.root)
    shutil.copy(ROOT / "constraints.txt", project.root)  # back to the set of the first stamp, which must be gone
    environment.ensure_environment(project.root)
    assert len(project.calls) == 2


@pytest.mark.skipif(os.name == "nt", reason="environments hold no links on Windows")
def test_an_environment_whose_python_is_gone_is_made_anew(project, capsys):
    python = environment.ensure_environment(project.root)
    for link in python.parent.glob("python*"):
        link.unlink()
    python.symlink_to(project.root / "removed" / "python3.11")
    assert environment.ensure_environment(project.root) == python
    assert python_version.read_version(python) == sys.version_info[:3]
    assert len(project.calls) == 2
    assert "does not work any more" in capsys.readouterr().out


def test_a_folder_that_is_no_environment_is_not_removed(project):
    precious = project.root / ".venv" / "thesis.txt"
    precious.parent.mkdir()
    precious.write_text("three years of work")
    assert "move it away" in error_of(environment.ensure_environment, project.root)
    assert precious.exists()


def test_a_moved_repository_is_installed_again(project, tmp_path):
    version = sys.version_info[:3]
    assert environment.expected_stamp(project.root, version) == environment.expected_stamp(project.root, version)
    other = tmp_path / "elsewhere"
    shutil.copytree(project.root, other, ignore=shutil.ignore_patterns("elsewhere"))
    assert environment.expected_stamp(project.root, version) != environment.expected_stamp(other, version)


# --- the installation: disk, network, anything else


def test_a_disk_without_room_is_noticed_before_anything_is_downloaded(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: DiskUsage(10**12, 10**12 - 10**9, 10**9))
    monkeypatch.setattr(install, "run_step", lambda *arguments: pytest.fail("something was installed"))
    sentence = error_of(install.install_course, sys.executable, tmp_path)
    assert "there are 1.0 GB" in sentence
    assert str(tmp_path) in sentence


def test_what_is_installed_already_counts_as_room(tmp_path, monkeypatch):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "large").write_bytes(b"0" * 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: DiskUsage(10**9, 0, 10**6))
    install.check_disk_space(tmp_path, needed_gb=0.002)
    error_of(lambda: install.check_disk_space(tmp_path, needed_gb=0.003))


def fail_with(text):
    """Return a command that prints ``text`` and fails."""
    return [sys.executable, "-c", f"import sys; print({text!r}, file=sys.stderr); sys.exit(2)"]


@pytest.mark.parametrize(
    "text",
    [
        "error: failed to extract archive\n  cause: No space left on device (os error 28)",
        str(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))),
        "There is not enough space on the disk. (os error 112)",
    ],
)
def test_a_disk_that_fills_up_during_the_installation(text, tmp_path):
    assert "The disk is full" in error_of(install.run_step, fail_with(text), tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="the device that is always full")
def test_a_full_device_for_real(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    command = [sys.executable, "-c", "open('/dev/full', 'wb', buffering=0).write(b'x')"]
    assert "The disk is full" in error_of(install.run_step, command, tmp_path)


@pytest.mark.parametrize("installer", ["pip", "uv"])
def test_no_network_for_real(installer, tmp_path, monkeypatch):
    for name, value in offline_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    index = ["--index-url", "https://index.invalid/simple"]
    command = {
        "pip": ["-m", "pip", "install", "--no-cache-dir", "--retries", "0", *index, "course-test-no-such-package"],
        "uv": ["-m", "uv", "pip", "install", "--no-config", "--python", sys.executable, *index, "no-such-package"],
    }[installer]
    if importlib.util.find_spec(installer) is None:
        pytest.skip(f"{installer} is not in this environment")
    sentence = error_of(install.run_step, [sys.executable, *command], tmp_path)
    assert "connect this machine to the internet" in sentence


def test_any_other_failure_shows_what_the_installer_said(tmp_path, capsys):
    sentence = error_of(install.run_step, fail_with("error: the moon is not full"), tmp_path)
    assert "for the reason above" in sentence
    assert "the moon is not full" in capsys.readouterr().err


def test_a_step_that_works_shows_progress(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(install, "PAUSES", {True: 0.1, False: 0.1})
    install.run_step([sys.executable, "-uc", "import time; print('Downloading torch'); time.sleep(1.5)"], tmp_path)
    assert re.search(r"0:01  \d+\.\d of about \d GB  Downloading torch", capsys.readouterr().out)


def test_lines_of_progress_overwrite_each_other():
    lines = [install.progress_line(5, 0.1, []), install.progress_line(75, 3.25, ["a", "Downloading " + "x" * 200])]
    assert {len(line) for line in lines} == {78}
    assert lines[1].startswith("  1:15  3.2 of about")


# --- JupyterLab: its port and its options


@pytest.fixture
def taken_port():
    """A port of this machine on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_that_was_asked_for_is_refused(taken_port):
    assert f"Port {taken_port} is in use" in error_of(lab.choose_port, taken_port)


def test_a_port_in_use_that_nobody_asked_for_gives_way_to_the_next(taken_port, monkeypatch, capsys):
    monkeypatch.setattr(lab, "DEFAULT_PORT", taken_port)
    chosen = lab.choose_port()
    assert taken_port < chosen < taken_port + lab.PORTS_TRIED
    assert capsys.readouterr().out == f"Port {taken_port} is in use, so JupyterLab runs on {chosen}.\n"
    assert lab.is_free(chosen)


def test_a_free_port_is_taken_without_a_word(capsys):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert lab.choose_port(port) == port
    assert capsys.readouterr().out == ""


def test_no_free_port_at_all(taken_port, monkeypatch):
    monkeypatch.setattr(lab, "DEFAULT_PORT", taken_port)
    monkeypatch.setattr(lab, "PORTS_TRIED", 1)
    assert "all in use" in error_of(lab.choose_port)


@pytest.mark.parametrize("text", ["80", "70000", "eighty", "-1", "", "8888.0", "²"])
def test_what_is_not_a_port_is_refused(text):
    assert "is not a port" in error_of(lab.parse_port, text)


def test_the_port_comes_from_the_option_or_the_environment(monkeypatch):
    asked = []
    monkeypatch.setattr(commands, "start_lab", lambda port, browser: asked.append((port, browser)) or 0)
    monkeypatch.setenv("COURSE_PORT", "9001")
    assert main(["lab"]) == main(["lab", "--port", "9002", "--no-browser"]) == 0
    monkeypatch.delenv("COURSE_PORT")
    assert main(["lab"]) == 0
    assert asked == [(9001, True), (9002, False), (None, True)]


def test_the_token_is_not_on_the_command_line(tmp_path, monkeypatch):
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    env = lab.lab_environment()
    assert len(env["JUPYTER_TOKEN"]) == 32
    assert env["JUPYTER_TOKEN"] not in " ".join(lab.lab_command("python", 8888, tmp_path, env))
    assert env["JUPYTER_TOKEN"] in lab.address(8888, env["JUPYTER_TOKEN"])


def test_threads_wait_without_spinning_unless_the_user_wants_it(monkeypatch):
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    assert lab.lab_environment()["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert lab.lab_environment()["OMP_WAIT_POLICY"] == "ACTIVE"


@pytest.mark.parametrize(("length", "sockets"), [(30, os.name != "nt"), (90, False)])
def test_kernels_talk_through_files_where_the_path_is_short_enough(length, sockets, tmp_path):
    options = lab.server_options(8888, tmp_path, {"JUPYTER_RUNTIME_DIR": "/" + "x" * length})
    assert ("--KernelManager.transport=ipc" in options) == sockets


# --- the command line, and the question of lesson 00


def test_a_problem_is_one_line_and_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr(environment, "check_python", lambda: python_version.check_python((3, 8, 0)))
    assert main(["install"]) == 1
    error = capsys.readouterr().err
    assert_one_sentence(error)
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["test", "-q", "tests/test_color.py", "-x"], ["-m", "pytest", "-q", "tests/test_color.py", "-x"]),
        (["notebooks"], ["-m", "course_lib.authoring", "build"]),
        (["notebooks", "01_rgb_vs_lab"], ["-m", "course_lib.authoring", "build", "01_rgb_vs_lab"]),
        (["bench", "--quick"], ["-m", "tests.bench", "--quick"]),
    ],
)
def test_arguments_are_passed_on(arguments, expected, monkeypatch):
    ran = []
    monkeypatch.setattr(commands, "ensure_environment", lambda: "python")
    monkeypatch.setattr(commands, "run", lambda command, env=None: ran.append(command) or 3)
    assert main(arguments) == 3
    assert ran == [["python", *expected]]


def test_every_check_runs_and_one_failure_fails_the_test_command(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(commands, "ensure_environment", lambda: "python")
    monkeypatch.setattr(commands, "run", lambda command, env=None: ran.append(command) or int("format" in command))
    assert main(["test"]) == 1
    assert [command[2] for command in ran] == ["ruff", "ruff", "pytest", "pytest"]
    side_by_side, alone = ran[2:]
    assert side_by_side[-2:] == ["--ignore", commands.NOTEBOOK_TESTS]
    assert alone[3:] == [commands.NOTEBOOK_TESTS]  # nothing beside it: notebooks are timed
    assert capsys.readouterr().err == "Failed: python -m ruff format --check\n"


def test_ctrl_c_says_how_to_go_on(monkeypatch, capsys):
    monkeypatch.setattr(commands, "ensure_environment", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert main(["install"]) == 1
    assert "Run the same command again" in capsys.readouterr().err


def test_clean_removes_what_was_made_and_nothing_else(tmp_path):
    made = [".venv/bin/python", "course_lib/__pycache__/a.pyc", ".pytest_cache/x", "notebooks/.ipynb_checkpoints/x"]
    kept = ["data/cache/scenes.zip", "notebooks/00_start_here.ipynb", "course_lib/color.py", ".git/config"]
    for name in made + kept:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert commands.clean(tmp_path) == 0
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)


def test_this_environment_is_the_course_environment():
    require_course_environment()


def test_a_python_without_torch_is_told_how_to_start_jupyter(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "empty")], check=True)
    recipe = inspect.cleandoc(require_course_environment.__doc__)
    code = "\n".join(line.strip() for line in recipe.splitlines() if line.startswith("    "))
    assert "require_course_environment()" in code
    (ROOT / "notebooks").mkdir(exist_ok=True)
    result = subprocess.run(
        [environment.venv_python(tmp_path / "empty"), "-c", code],
        cwd=ROOT / "notebooks",
        capture_output=True,
        text=True,
    )
    last = result.stderr.strip().splitlines()[-1]
    assert "SetupError: This notebook runs on" in last
    assert "has no torch, torchvision, fastai" in last
    assert "make lab" in last


def test_a_notebook_shows_the_sentence_without_a_traceback():
    code = "from course_lib.setup import require_course_environment\nrequire_course_environment(['no_such_package'])"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    (shown,) = notebook.cells[0].outputs[0].traceback
    assert_one_sentence(shown)
    assert "has no no_such_package" in shown
