"""The evaluation of films, on films whose results are known without it."""

import pytest
import torch

from course_lib import color
from course_lib.models import PropagationNet
from course_lib.training import evaluate_films as evaluate

STEPS = 7


def dull(lightness):
    """A still network that calls everything the same gray-green."""
    return torch.tensor([-4.0, 6.0])[:, None, None].expand(len(lightness), 2, *lightness.shape[-2:])


@pytest.fixture(scope="module")
def film():
    return evaluate.drawn(seed=5, speed=1.0, count=STEPS, side=48)


@pytest.fixture(scope="module")
def results(film):
    patch = pytest.MonkeyPatch()
    patch.setattr(evaluate, "frame_by_frame", dull)
    torch.manual_seed(0)
    yield evaluate.measure_film(film, dull, PropagationNet())
    patch.undo()


def test_the_truth_and_gray_are_the_two_ends(results):
    for part in ("key", "alone"):
        assert results[part]["truth"]["psnr"] == 99
        assert results[part]["truth"]["colorfulness"] == pytest.approx(1)
    gray = results["key"]["gray"]
    assert gray["color_error"] == pytest.approx(0, abs=1e-9)
    assert gray["colorfulness"] == pytest.approx(0, abs=0.02)
    assert gray["warp_error"] > 0  # that of the lightness


def test_a_true_key_brings_a_film_near_to_the_truth(results):
    rows = results["key"]
    assert rows["flow warp"]["psnr"] > rows["per frame"]["psnr"] + 3
    assert rows["flow warp"]["psnr"] < 99


def test_short_films_have_no_far_frame(results):
    assert {row["psnr_far"] for row in results["key"].values()} == {None}


def test_the_far_frame_is_counted_from_the_key(film, monkeypatch):
    monkeypatch.setattr(evaluate, "FAR", 4)
    ab = film.lab[:, 1:].clone()
    ab[4] = 0
    row, truth = (evaluate.measure(each, film) for each in (ab, film.lab[:, 1:]))
    assert row["psnr_far"] < 40
    assert truth["psnr_far"] == 99
    assert row["psnr"] < truth["psnr"]


def test_the_key_itself_does_not_count(film):
    ab = film.lab[:, 1:].clone()
    ab[0] = 0
    assert evaluate.measure(ab, film)["psnr"] == 99


def test_flicker_is_seen_in_colors_alone(film):
    steady = film.lab[:, 1:]
    flickering = steady + 8 * torch.tensor([(-1.0) ** step for step in range(STEPS)])[:, None, None, None]
    rows = [evaluate.measure(ab, film) for ab in (steady, flickering)]
    assert rows[1]["color_error"] > 3 * rows[0]["color_error"]
    assert rows[1]["color_error"] / rows[0]["color_error"] > rows[1]["warp_error"] / rows[0]["warp_error"]


def test_without_flow_the_frame_before_is_not_believed(film):
    lab = film.lab
    ways = dict(evaluate.ways_with_key(lab, dull(lab[:, :1]), dull, PropagationNet()))
    assert not torch.allclose(ways["network"][-1], ways["flow warp"][-1], atol=1)
    assert torch.allclose(ways["both"][0], lab[0, 1:], atol=0.1)


def test_flow_errors_are_distances_in_pixels(film, monkeypatch):
    found = iter(film.flows)
    monkeypatch.setattr(
        evaluate, "estimate_flow", lambda new, old: next(found) + torch.tensor([3.0, 4.0])[:, None, None]
    )
    assert evaluate.flow_errors(film) == {"mean": 5, "over 1": 1}


def test_kinds_say_what_the_network_has_seen(course_data):
    films = evaluate.all_films(3)
    kinds = {name: make().kind for name, make in films.items() if name not in evaluate.PETALS}
    assert kinds["sam2_02_cups"] == "learned from"
    assert kinds["sam2_01_dog"] == "never seen"
    assert kinds["stereo pair"] == "exact flow"
    assert sum(kind == "never seen" for kind in kinds.values()) == 4


def test_the_colors_of_a_film_are_in_natural_units(film):
    ab = film.lab[:, 1:]
    assert color.in_gamut(torch.cat([film.lab[:, :1], ab], dim=1)).float().mean() > 0.99
    assert ab.abs().max() > 20
