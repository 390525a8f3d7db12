"""What the course needs, in which versions, and the same for conda: the three files agree."""

import re
import tomllib
from importlib import metadata

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from course_lib.setup import python_version
from course_lib.setup.environment import ROOT

PYTHONS = ("3.11.2", "3.11.9", "3.12.0", "3.12.11", "3.13.0", "3.13.9")
SYSTEMS = {
    "Linux": {"sys_platform": "linux", "os_name": "posix", "platform_machine": "x86_64"},
    "Darwin": {"sys_platform": "darwin", "os_name": "posix", "platform_machine": "arm64"},
    "Windows": {"sys_platform": "win32", "os_name": "nt", "platform_machine": "AMD64"},
}
EVERYWHERE = [(python, system) for python in PYTHONS for system in SYSTEMS]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
RUNTIME = [Requirement(line) for line in PROJECT["dependencies"]]
DIRECT = RUNTIME + [Requirement(line) for line in PROJECT["optional-dependencies"]["test"]]
CONSTRAINT_LINES = (ROOT / "constraints.txt").read_text().splitlines()
CONSTRAINTS = [Requirement(line) for line in CONSTRAINT_LINES if line and not line.startswith("#")]
ENVIRONMENT_TEXT = (ROOT / "environment.yml").read_text()
CONDA, PIP_BLOCK = (yaml.safe_load(ENVIRONMENT_TEXT)["dependencies"][part] for part in (slice(0, -1), -1))


def machine(python, system):
    """Return the values that markers are compared with on ``system`` with that Python."""
    values = {"python_version": python.rpartition(".")[0], "python_full_version": python, "platform_system": system}
    return default_environment() | SYSTEMS[system] | values | {"implementation_name": "cpython"}


def pins(python, system):
    """Return {name: [version, ...]}: what constraints.txt says on that machine."""
    found = {}
    for constraint in CONSTRAINTS:
        (specifier,) = constraint.specifier
        assert specifier.operator == "==", f"{constraint} is not an exact version"
        if constraint.marker is None or constraint.marker.evaluate(machine(python, system)):
            found.setdefault(canonicalize_name(constraint.name), []).append(specifier.version)
    return found


@pytest.mark.parametrize(("python", "system"), EVERYWHERE)
def test_each_direct_dependency_is_pinned_once_within_its_range(python, system):
    pinned = pins(python, system)
    for requirement in DIRECT:
        versions = pinned.get(canonicalize_name(requirement.name), [])
        assert len(versions) == 1, f"{requirement.name} has the pins {versions}"
        assert requirement.specifier.contains(versions[0]), f"{requirement} does not allow {versions[0]}"


@pytest.mark.parametrize(("python", "system"), EVERYWHERE)
def test_no_package_has_two_pins_on_one_machine(python, system):
    assert {name: versions for name, versions in pins(python, system).items() if len(versions) > 1} == {}


def test_the_constraints_are_made_for_the_lowest_python_and_every_system():
    command = next(line for line in CONSTRAINT_LINES if "uv pip compile" in line)
    assert {"--universal", "--python-version", "--extra"} <= set(command.split())
    assert f"--python-version {'.'.join(map(str, python_version.OLDEST))} " in command


def test_a_package_that_left_the_lowest_python_keeps_its_marker():
    # soupsieve 4.1 needs Python 3.11.5; Debian 12 has 3.11.2. A file compiled on a newer Python loses the older pin.
    old, new = (Version(pins(python, "Linux")["soupsieve"][0]) for python in ("3.11.2", "3.11.9"))
    assert old < Version("4") <= new


def test_torch_and_torchvision_are_exact_in_both_files():
    # A pair from the same release; any other combination fails at import.
    exact = {r.name: str(r.specifier) for r in RUNTIME if r.name in ("torch", "torchvision")}
    pinned = pins("3.11.2", "Linux")
    assert exact == {name: f"=={pinned[name][0]}" for name in ("torch", "torchvision")}


def test_the_set_up_accepts_the_pythons_that_pyproject_does():
    allowed = SpecifierSet(PROJECT["requires-python"])
    for minor in range(8, 20):
        assert allowed.contains(f"3.{minor}.2") == python_version.is_supported((3, minor, 2))


def test_conda_gives_only_python_and_pip():
    assert [entry.split("=")[0] for entry in CONDA] == ["python", "pip"]
    python, pip = (entry.split("=")[1] for entry in CONDA)
    assert SpecifierSet(PROJECT["requires-python"]).contains(python)
    assert all(len(Version(version).release) == 3 for version in (python, pip)), "name the patch version"
    assert list(PIP_BLOCK) == ["pip"]


def test_the_pip_block_has_each_runtime_dependency_at_its_pin_and_the_course():
    python = CONDA[0].split("=")[1]
    pinned = pins(python, "Linux")
    options = [line for line in PIP_BLOCK["pip"] if line.startswith("-")]
    named = [line for line in PIP_BLOCK["pip"] if not line.startswith("-")]
    assert options == ["-c constraints.txt", "-e ."]
    assert sorted(named) == sorted(f"{r.name}=={pinned[canonicalize_name(r.name)][0]}" for r in RUNTIME)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_pip_block_holds_on_every_system(system):
    python = CONDA[0].split("=")[1]
    assert all(pins(python, system)[canonicalize_name(r.name)] == pins(python, "Linux")[r.name] for r in RUNTIME)


def test_each_dependency_of_environment_yml_says_what_it_is_for():
    entries = [line for line in ENVIRONMENT_TEXT.splitlines() if re.match(r"\s+- [^:]*$", line.split(" #")[0])]
    entries = [line for line in entries if line.strip() not in ("- conda-forge", "- nodefaults")]
    assert len(entries) == len(CONDA) + len(PIP_BLOCK["pip"])
    assert [line for line in entries if not re.search(r" # \S.{8,}", line)] == []


def test_this_environment_is_the_pinned_one():
    here = {}
    for constraint in CONSTRAINTS:
        if constraint.marker is None or constraint.marker.evaluate():
            here[canonicalize_name(constraint.name)] = next(iter(constraint.specifier)).version
    wrong = {}
    for requirement in DIRECT:
        name = canonicalize_name(requirement.name)
        installed = Version(metadata.version(name)).public  # torch adds +cpu or +cu130 to its version
        if installed != here[name]:
            wrong[name] = (installed, here[name])
    assert wrong == {}
