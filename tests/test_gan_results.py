"""The committed GANs and what was measured of them: results fit the networks that are there, and the rule chose the one to keep."""

import pytest
import torch

from course_lib.data import scenes
from course_lib.models.checkpoints import FOLDER, load_checkpoint, read_card
from course_lib.results import loss_pictures, read_gan_results, read_loss_results, read_start_results, read_strip
from course_lib.samples import colorize_samples, sample_photographs
from course_lib.training import compare_losses, compare_starts, evaluate_gan
from course_lib.training.gan_recipes import GANS
from course_lib.training.stopping import StopRule

METRICS = {"psnr", "colorfulness_ratio", "auc", "rebalanced_auc", "delta_e", "ssim", "accuracy", "patches"}
METRICS |= {"frechet", "frechet_judge"}
# Half of the smallest digit that a person would quote: what another processor's rounding may change.
TOLERANCES = {"psnr": 0.05, "delta_e": 0.05, "colorfulness_ratio": 0.005, "ssim": 0.005, "auc": 0.001, "patches": 0.02}
TOLERANCES |= {"rebalanced_auc": 0.002, "accuracy": 1.01 / evaluate_gan.PART, "frechet": 0.5, "frechet_judge": 0.01}


@pytest.fixture(scope="module")
def results():
    return read_gan_results()


@pytest.fixture(scope="module")
def card():
    return read_card("scenes-nogan")


def test_the_networks_are_those_that_were_measured(results):
    names = (*evaluate_gan.NETWORKS, evaluate_gan.JUDGE)
    assert results["checkpoints"] == {name: read_card(name)["sha256"] for name in names}
    assert list(results["rows"]) == ["gray", *evaluate_gan.NETWORKS, "truth"]


@pytest.mark.parametrize("table", [read_gan_results, read_loss_results])
def test_every_row_has_every_metric_inside_of_its_interval(table):
    rows = table()["rows"]
    for name, row in rows.items():
        assert row.keys() == METRICS
        for metric, entry in row.items():
            if entry["value"] is not None:
                assert entry["low"] <= entry["value"] <= entry["high"], f"{metric} of {name}"
    assert rows["truth"]["frechet"]["value"] == pytest.approx(0, abs=1e-3)
    assert rows["gray"]["frechet"]["value"] == max(row["frechet"]["value"] for row in rows.values())


def test_leads_are_differences_of_rows(results):
    for names, lead in results["leads"].items():
        one, other = (results["rows"][name] for name in names.split(" - "))
        for metric, row in lead.items():
            assert row["value"] == pytest.approx(one[metric]["value"] - other[metric]["value"], abs=3e-4)
            assert row["low"] <= row["value"] <= row["high"]


def test_a_part_of_the_test_split_gives_the_same_again(results, course_data):
    part = scenes("test", count=evaluate_gan.PART)
    networks = {name: load_checkpoint(name) for name in evaluate_gan.NETWORKS}
    measured = evaluate_gan.evaluate(networks, part, compared=())["rows"]
    for name, row in measured.items():
        for metric, tolerance in TOLERANCES.items():
            committed, again = (each[metric]["value"] for each in (results["part"]["rows"][name], row))
            expected = committed if committed is None else pytest.approx(committed, abs=tolerance)
            assert again == expected, f"{metric} of {name}"


# ---- the point that was chosen


def test_the_rule_on_the_card_chooses_the_point_on_the_card_again(card):
    place, reason = StopRule(**card["rule"]).choose(card["curve"])
    assert (place, card["curve"][place]["step"], reason) == tuple(card["chosen"].values())


def test_the_chosen_point_is_a_knee_and_not_the_end(card):
    place, curve = card["chosen"]["point"], card["curve"]
    distances = [point["frechet"] for point in curve]
    assert 0 < place < len(curve) - 1
    before, after = distances[0] - distances[place], distances[place] - min(distances)
    assert before > 4 * max(after, 0)
    # The same number of points again would have brought little.
    assert distances[place] - min(distances[place : 2 * place]) < 0.25 * before


def test_the_committed_generator_is_the_one_at_the_chosen_point(card):
    strip = read_strip("scenes-nogan")
    assert len(strip) == len(card["curve"])
    again = colorize_samples(load_checkpoint("scenes-nogan"))
    errors = [(row - again).abs().mean() for row in strip]
    assert torch.stack(errors).argmin() == card["chosen"]["point"]
    start = colorize_samples(load_checkpoint(card["start"]))
    assert (strip[0] - start).abs().mean() < 0.01


def test_nogan_needs_a_quarter_of_the_steps_of_pix2pix(card):
    assert card["chosen"]["step"] <= read_card("scenes-pix2pix")["budget"]["steps_done"] / 4


def test_cards_say_who_compared_the_pictures(card):
    assert card["features"] == read_card("scenes-nogan-start")["features"]
    assert card["features"] != evaluate_gan.JUDGE
    assert card["critic"]["accuracies"][-1] >= GANS["scenes-nogan"].critic_plan.accuracy


# ---- losses and starts


def test_pictures_and_rows_of_the_losses_have_the_same_names():
    names = ["gray", *compare_losses.combined(), "truth"]
    assert list(read_loss_results()["rows"]) == names
    rows = loss_pictures()
    assert list(rows) == names
    assert (rows["truth"] - sample_photographs()).abs().mean() < 0.02


def test_every_start_had_about_the_same_time():
    ways = read_start_results()["ways"]
    assert len(ways) == 2 * len(compare_starts.BODIES)
    for body in compare_starts.BODIES:
        growing, full = (ways[f"{body}, {pictures}"] for pictures in ("growing pictures", "full size"))
        assert growing["side"] == [side for epochs, side in compare_starts.GROWING for _ in range(epochs)]
        assert set(full["side"]) == {compare_starts.GROWING[-1][1]}
        assert 0.5 < full["seconds"][-1] / growing["seconds"][-1] < 2
        assert all(len(way["loss"]) == len(way["seconds"]) == len(way["side"]) for way in (growing, full))


def test_all_checkpoints_together_stay_small():
    assert sum(path.stat().st_size for path in FOLDER.glob("*.safetensors")) < 30e6
