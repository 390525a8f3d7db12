"""What lesson 00 says about a machine: each shortage is found, and says what to do."""

import collections
import shutil
import sys

import psutil
import pytest
import torch

from course_lib.setup import machine
from course_lib.setup.environment import ROOT


def finding(what):
    return next(item for item in machine.check_machine() if item.what == what)


def test_this_machine_can_take_the_course():
    findings = machine.check_machine()
    assert machine.missing(findings) == []
    assert len({item.what for item in findings}) == len(findings)


def test_an_old_python_is_needed_to_change(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 2, "final", 0))
    assert [item.what for item in machine.missing(machine.check_machine())] == ["Python"]
    assert "3.11 to 3.13" in str(finding("Python"))


def test_every_direct_requirement_is_looked_at():
    pinned = machine.pinned_versions(ROOT / "constraints.txt")
    assert {"torch", "fastai", "jupyterlab", "matplotlib", "scikit-image", "ipywidgets"} <= set(pinned)


def test_a_missing_and_a_wrong_package_are_named(tmp_path, monkeypatch):
    (tmp_path / "constraints.txt").write_text("# pins\ntorch==1.0\nnot-there==2\npillow==1; python_version < '3'\n")
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["torch", "not-there>=1", "pillow"]\n')
    line = str(machine._packages(tmp_path))
    assert line.startswith(f"✗ packages     torch {torch.__version__.partition('+')[0]}, not-there is missing: ")
    assert "make lab" in line


def test_a_full_disk_is_found(monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 5 * 10**8))
    assert str(finding("disk")).startswith("✗ disk         0.5 GB free: free 1 GB")


def test_little_memory_is_no_reason_to_stop(monkeypatch):
    memory = collections.namedtuple("memory", "available")
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory(10**9))
    assert str(finding("memory")) == "– memory       1.0 GB free: 4 GB is safe, close other programs"
    assert machine.missing(machine.check_machine()) == []


def test_one_core_is_slow(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert "expect twice as much" in str(finding("processor"))


@pytest.mark.parametrize(
    ("folder", "words"), [(None, "bundled photographs"), ("missing", "which is no folder"), ("", "bundled")]
)
def test_data_sets_are_optional(monkeypatch, tmp_path, folder, words):
    monkeypatch.delenv("COURSE_DATA", raising=False)
    if folder is not None:
        monkeypatch.setenv("COURSE_DATA", str(tmp_path / folder) if folder else "")
    assert words in str(finding("data sets"))
    assert not finding("data sets").needed


def test_a_data_folder_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert str(finding("data sets")).startswith("✓")
