"""What was measured of films: results fit the networks that are there, can be measured again, and say what the lesson says."""

import pytest

from course_lib.filming import still_network
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.results import read_film_results
from course_lib.training import evaluate_films as evaluate
from course_lib.training.propagation import FILMS

# Half of the smallest digit that a person would quote: what another processor's rounding may change.
TOLERANCES = {"psnr": 0.3, "colorfulness": 0.02, "cdc": 0.002}
RELATIVE = {"warp_error": 0.05, "color_error": 0.25}


@pytest.fixture(scope="module")
def results():
    return read_film_results()


def test_the_networks_are_those_that_were_measured(results):
    assert results["checkpoints"] == {name: read_card(name)["sha256"] for name in (evaluate.NAME, evaluate.STILL)}


def test_every_film_has_every_way(results):
    assert len(results["rows"]) == 11
    for row in results["rows"].values():
        assert list(row["key"]) == ["gray", "per frame", "flow warp", "network", "both", "truth"]
        assert list(row["alone"]) == ["per frame", "smoothed", "flow warp", "both", "truth"]
        assert row["key"]["truth"]["psnr"] == row["alone"]["truth"]["psnr"] == 99
        assert row["key"]["per frame"] == row["alone"]["per frame"]
        assert row["key"]["gray"]["color_error"] == pytest.approx(0, abs=1e-8)
    kinds = [row["kind"] for row in results["rows"].values()]
    assert [kinds.count(kind) for kind in evaluate.KINDS] == [3, 4, 4]


def test_a_few_frames_give_the_same_again(results, course_data):
    measured = evaluate.measure_films(evaluate.part_of_all(), still_network(), load_checkpoint(evaluate.NAME))
    for film, row in measured["rows"].items():
        for part in ("key", "alone"):
            for way, metrics in row[part].items():
                committed = results["part"]["rows"][film][part][way]
                for metric, tolerance in TOLERANCES.items():
                    expected = pytest.approx(committed[metric], abs=tolerance)
                    assert metrics[metric] == expected, f"{metric} of {way}, {film}"
                for metric, share in RELATIVE.items():
                    expected = pytest.approx(committed[metric], rel=share, abs=2e-7)
                    assert metrics[metric] == expected, f"{metric} of {way}, {film}"


def test_the_card_is_that_of_the_recipe():
    card, recipe = read_card(evaluate.NAME), FILMS[evaluate.NAME]
    assert card["budget"]["steps"] == recipe.epochs * recipe.steps
    assert card["network"]["arguments"] == recipe.network().arguments
    assert card["data"]["clips"] == sorted(
        name for name, row in read_film_results()["rows"].items() if row["kind"] == "learned from"
    )
    assert card["metrics"]["distance"] < card["metrics"]["warped_distance"]
