"""Every registered widget: both ends of every slider, every option, each drawn without an error and different from its start."""

import importlib
import pkgutil

import ipywidgets as W
import pytest

import course_lib.widgets as package
from course_lib.widgets import WIDGETS

LESSONS = [module.name for module in pkgutil.iter_modules(package.__path__) if module.name.startswith("lesson_")]
for _lesson in LESSONS:
    importlib.import_module(f"course_lib.widgets.{_lesson}")


def settings(control):
    """The values to which a test moves a control: both ends of a slider, every option, both states."""
    if isinstance(control, (W.IntSlider, W.FloatSlider)):
        return [control.min, control.max]
    if isinstance(control, (W.Dropdown, W.RadioButtons, W.ToggleButtons, W.SelectionSlider)):
        return [option[1] if isinstance(option, tuple) else option for option in control.options]
    if isinstance(control, W.Checkbox):
        return [False, True]
    raise TypeError(f"tests do not know how to move a {type(control).__name__}: say so here")


@pytest.mark.parametrize("name", sorted(WIDGETS))
def test_every_setting_of_every_control(name):
    explorer = WIDGETS[name]()
    start = explorer.picture.value
    assert "<img alt=" in start
    for control_name, control in explorer.controls.items():
        before, drawn = control.value, set()
        for value in settings(control):
            control.value = value
            assert "<img alt=" in explorer.picture.value, f"{control_name} = {value}"
            drawn.add(explorer.picture.value)
        assert len(drawn) > 1, f"moving {control_name} changes nothing"
        control.value = before
        assert explorer.picture.value == start, f"{control_name} does not come back to its start"


@pytest.mark.parametrize("name", sorted(WIDGETS))
def test_the_corners_of_all_sliders_together(name):
    """Settings that are fine one by one may fail together."""
    explorer = WIDGETS[name]()
    for end in (0, -1):
        values = {control_name: settings(control)[end] for control_name, control in explorer.controls.items()}
        assert "<img alt=" in explorer.render(**values)


@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_module_registers_a_widget(lesson):
    assert any(name.startswith(lesson.removeprefix("lesson_") + ".") for name in WIDGETS)
