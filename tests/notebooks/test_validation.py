"""The validation itself: a notebook that went wrong in any of these ways turns it red."""

import nbformat
import pytest

from course_lib.authoring.problems import LessonError
from tests.authoring.sample import FOLDER, NAME
from tests.notebooks.validation import assert_in_time, guard_problems, validate, validate_solution

CLAIM = 'from course_lib.report import report\nreport("half of 3", {value}, expect=1.5, tol=0.1)'
CLAIMED = "half of 3: 1.50 (expected 1.5 ± 0.1)\n"


def printed(text):
    return [nbformat.v4.new_output("stream", name="stdout", text=text)]


def cell(source, text="", compared=True, **fields):
    """A code cell that stores ``text`` as its output."""
    tags = ["nbval-check-output"] if compared else []
    outputs = printed(text) if text else []
    return nbformat.v4.new_code_cell(source, outputs=outputs, execution_count=1, metadata={"tags": tags}, **fields)


def write(folder, *cells, seconds=60):
    """Write a notebook of these cells and return its path."""
    metadata = {"course": {"seconds": {"smoke": seconds, "quick": seconds}}}
    path = folder / f"{NAME}.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells), metadata=metadata), path)
    return path


def test_a_good_notebook_passes(tmp_path):
    validate(write(tmp_path, cell("print(6 * 7)", "42\n"), cell(CLAIM.format(value=1.5), CLAIMED)))


def test_a_measured_value_may_differ_within_its_range(tmp_path):
    validate(write(tmp_path, cell(CLAIM.format(value=1.57), CLAIMED)))


@pytest.mark.parametrize(
    ("stored", "measured"),
    [
        ("half of 3: 1.50 (expected 1.5 ± 0.1)", "half of 3: 1.50 (expected 1.4 ± 0.1)"),
        ("half of 3: 1.50 (expected 1.5 ± 0.1)", "a half of 3: 1.50 (expected 1.5 ± 0.1)"),
        ("L2: the mean: 1.50 dB (expected at least 1 dB)", "L2: the mean: 1.50 dB (expected at least 1.2 dB)"),
    ],
)
def test_the_words_of_a_claim_are_compared(tmp_path, stored, measured):
    with pytest.raises(AssertionError, match="Cell outputs differ"):
        validate(write(tmp_path, cell(f"print({measured!r})", f"{stored}\n")))


def test_a_claim_out_of_its_range_is_red(tmp_path):
    with pytest.raises(AssertionError, match="ClaimError"):
        validate(write(tmp_path, cell(CLAIM.format(value=1.7), CLAIMED)))


def test_a_changed_output_is_red(tmp_path):
    with pytest.raises(AssertionError, match="Cell outputs differ"):
        validate(write(tmp_path, cell("print(6 * 8)", "42\n")))


def test_a_changed_alt_text_is_red_and_changed_pixels_are_not(tmp_path):
    source = "from IPython.display import display\ndisplay({'text/html': '<img alt=\"%s\" src=\"data:image/png;base64,%s\">'}, raw=True)"
    stored = {"text/html": '<img alt="a rising line" src="data:image/png;base64,AAAA">'}
    output = [nbformat.v4.new_output("display_data", stored)]
    same = cell(source % ("a rising line", "BBBB"))
    same.outputs = output
    validate(write(tmp_path, same))
    other = cell(source % ("a falling line", "AAAA"))
    other.outputs = output
    with pytest.raises(AssertionError, match="Cell outputs differ"):
        validate(write(tmp_path, other))


def test_a_failing_cell_is_red(tmp_path):
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        validate(write(tmp_path, cell("print(42)", "42\n"), cell("1 / 0", compared=False)))


def test_a_crash_in_a_callback_of_interact_is_red(tmp_path):
    widget = "import ipywidgets\n\n@ipywidgets.interact(number=(0, 3))\ndef draw(number):\n    1 / 0"
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        validate(write(tmp_path, cell("print(42)", "42\n"), cell(widget, compared=False)))


def test_a_crash_in_an_explorer_is_red(tmp_path):
    widget = (
        "from course_lib.widgets.explorer import Explorer, slider\n"
        "Explorer(lambda number: 1 / number, {'number': slider('number', 0, 0, 3, 1)})"
    )
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        validate(write(tmp_path, cell("print(42)", "42\n"), cell(widget, compared=False)))


def test_a_cell_over_its_time_limit_is_red(tmp_path):
    with pytest.raises(AssertionError, match="Timeout of 5 seconds exceeded"):
        validate(write(tmp_path, cell("import time\ntime.sleep(60)\nprint(42)", "42\n"), seconds=5))


def test_a_notebook_over_its_budget_is_red(tmp_path):
    cells = [cell("import time\ntime.sleep(2)\nprint(42)", "42\n") for _ in range(4)]
    with pytest.raises(AssertionError, match=r"took \d+ s at quick, its budget is 6 s"):
        validate(write(tmp_path, *cells, seconds=6))


@pytest.mark.parametrize(("workers", "limit"), [(None, 10), ("1", 10), ("2", 15)])
def test_a_machine_that_is_shared_with_other_tests_gives_half_as_much_time_again(tmp_path, monkeypatch, workers, limit):
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    if workers:
        monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", workers)
    assert_in_time(tmp_path / "a.ipynb", limit, 10, "quick")
    with pytest.raises(AssertionError, match=r"a.ipynb took \d+ s at quick, its budget is 10 s"):
        assert_in_time(tmp_path / "a.ipynb", limit + 1, 10, "quick")


def test_a_notebook_that_needs_the_network_is_red(tmp_path):
    download = "import socket\nsocket.create_connection(('example.org', 80), timeout=5)\nprint(42)"
    with pytest.raises(AssertionError, match="no network in this test"):
        validate(write(tmp_path, cell(download, "42\n")))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([cell("print(42)", "42\n", compared=False)], "compares nothing"),
        ([], "compares nothing"),
        ([cell("print(42)")], "cell 1 is compared but stores no output"),
        ([cell("print(42)", "42\n") | {"execution_count": None}], "cell 1 is compared but stores no execution count"),
        ([cell("# NBVAL_SKIP\nprint(42)", "42\n")], "cell 1 hides from nbval with nbval-skip"),
        ([cell("#NBVAL_IGNORE_OUTPUT\nprint(42)", "42\n")], "cell 1 hides from nbval with nbval-ignore-output"),
    ],
)
def test_the_guard_refuses_a_notebook_that_would_prove_nothing(tmp_path, cells, message):
    path = write(tmp_path, *map(nbformat.from_dict, cells))
    assert len(guard_problems(path)) == 1
    with pytest.raises(AssertionError) as caught:
        validate(path)
    assert message in str(caught.value)


def test_the_guard_refuses_a_cell_tagged_to_raise(tmp_path):
    raising = cell("1 / 0", compared=False)
    raising.metadata["tags"] = ["raises-exception"]
    assert guard_problems(write(tmp_path, cell("print(42)", "42\n"), raising)) == [
        f"{NAME}.ipynb cell 2 hides from nbval with raises-exception"
    ]


def solution(folder, answer, seconds=60):
    """A solution notebook whose check asks for twice 3."""
    check = cell(f'from sample_tools import check\ncheck("01.double", lambda number: {answer})')
    check.metadata["tags"].append("check")
    return write(folder, check, seconds=seconds)


def test_a_solution_that_passes_its_checks_passes(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    validate_solution(solution(tmp_path, "2 * number"))


def test_a_solution_that_does_not_pass_its_check_is_red(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    with pytest.raises(AssertionError, match=r"cell 1: .✗ 01"):
        validate_solution(solution(tmp_path, "3 * number"))


def test_a_solution_that_fails_is_red(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(FOLDER))
    with pytest.raises(LessonError, match="cell 1: fails with ZeroDivisionError"):
        validate_solution(solution(tmp_path, "1 / 0"))


def test_solutions_without_a_check_are_red(tmp_path):
    with pytest.raises(AssertionError, match="has no check"):
        validate_solution(write(tmp_path, cell("print(42)", "42\n")))


def test_a_solution_over_its_budget_is_red(tmp_path):
    path = write(tmp_path, *[cell("import time\ntime.sleep(2)") for _ in range(3)], cell("print('✓ x: y')"), seconds=4)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[-1].metadata["tags"] = ["check"]
    nbformat.write(notebook, path)
    with pytest.raises(AssertionError, match=r"took \d+ s at smoke, its budget is 4 s"):
        validate_solution(path)
