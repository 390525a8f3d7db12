"""The rule that ends a GAN: on a curve with a knee it keeps the knee, and no mistake of a measurement moves it far."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.training.stopping import StopRule, smoothed

# Written by hand in the shape that such curves have: a fall, from the knee on little but noise, and a slow improvement to the end. A curve
# that was recorded is on the card of the checkpoint.
KNEE = [
    2.83, 2.61, 2.12, 2.31, 1.78, 1.42, 1.19, 1.27, 1.02, 0.98, 1.05, 1.01, 0.94, 1.08, 0.99, 0.97, 1.04, 0.93, 1.00, 0.96,
    0.98, 0.92, 1.01, 0.95, 0.91, 0.97, 0.93, 0.90, 0.96, 0.92, 0.89, 0.94, 0.90, 0.88, 0.91, 0.87, 0.90, 0.86, 0.88, 0.85,
]  # fmt: skip


def curve(frechet, patches=1.0, colorfulness=1.0):
    """Points of a curve; one number of patches or colorfulness for all of them, or one for each."""
    patches, colorfulness = (
        [value] * len(frechet) if isinstance(value, float) else value for value in (patches, colorfulness)
    )
    columns = zip(frechet, patches, colorfulness, strict=True)
    return [{"frechet": one, "patches": two, "colorfulness": three} for one, two, three in columns]


def chosen(*arguments, rule=None, **options):
    return (rule or StopRule()).choose(curve(*arguments, **options))[0]


def test_on_a_curve_with_a_knee_it_keeps_the_knee():
    """Neither the end nor the lowest point, which is the end here; nine tenths of the fall are there already."""
    place, reason = StopRule().choose(curve(KNEE))
    assert 7 <= place <= 11
    assert KNEE.index(min(KNEE)) == len(KNEE) - 1
    middle = smoothed(KNEE, 3)
    assert middle[0] - middle[place] >= 0.9 * (middle[0] - min(middle))
    assert middle[0] - middle[place - 1] < 0.9 * (middle[0] - min(middle))
    assert f"Point {place} of 39" in reason
    assert "90%" in reason
    assert "0 points are barred" in reason


def test_the_curve_of_the_committed_generator_gives_the_committed_choice():
    """The rule and the curve on the card, once there is one, give the point on the card."""
    from course_lib.models.checkpoints import FOLDER

    path = Path(FOLDER) / "scenes-nogan.json"
    if not path.exists():
        pytest.skip("there is no checkpoint scenes-nogan")
    card = json.loads(path.read_text(encoding="utf-8"))
    place, _ = StopRule(**card["rule"]).choose(card["curve"])
    assert place == card["chosen"]["point"]
    assert card["curve"][place]["step"] == card["chosen"]["step"]
    assert 0 < place < len(card["curve"]) - 1


@pytest.mark.parametrize(("share", "place"), [(0.0, 0), (0.4, 1), (0.5, 2), (0.75, 3), (0.8, 4), (1.0, 4)])
def test_the_share_of_the_fall_by_hand(share, place):
    rule = StopRule(share=share, smooth=1)
    assert chosen([10.0, 6.0, 5.0, 2.5, 0.0, 0.0], rule=rule) == place


def test_one_lucky_measurement_is_not_kept():
    frechet = [10.0, 9.0, 1.0, 8.0, 6.0, 4.0, 2.0, 2.0, 2.0]
    assert chosen(frechet, rule=StopRule(smooth=1)) == 2
    assert chosen(frechet) == 6


@pytest.mark.parametrize(
    "barred", [{"patches": [1.0, 1.1, 2.5, 2.5, 1.9]}, {"colorfulness": [0.5, 0.7, 1.3, 1.4, 1.2]}], ids=str
)
def test_barred_points_are_never_kept(barred):
    """The lowest two have too many color patches, or too much color: the next best is kept."""
    frechet = [10.0, 8.0, 1.0, 1.0, 4.0]
    rule = StopRule(smooth=1)
    assert chosen(frechet, rule=rule) == 2
    assert chosen(frechet, rule=rule, **barred) == 4
    assert "2 points are barred" in rule.choose(curve(frechet, **barred))[1]


def test_patches_are_compared_with_those_of_the_start():
    frechet = [10.0, 1.0, 5.0]
    rule = StopRule(smooth=1)
    assert chosen(frechet, patches=[0.4, 0.9, 0.5], rule=rule) == 2
    assert chosen(frechet, patches=[0.5, 0.9, 0.5], rule=rule) == 1
    assert chosen(frechet, patches=[0.4, 0.9, 0.5], rule=StopRule(smooth=1, patches=3.0)) == 1


@pytest.mark.parametrize("frechet", [[3.0], [3.0, 3.0, 3.0], [3.0, 3.5, 4.0, 5.0]])
def test_the_start_is_kept_if_nothing_is_better(frechet):
    place, reason = StopRule().choose(curve(frechet))
    assert place == 0
    assert "3.00" in reason
    assert not StopRule(patience=1).ends(curve(frechet))


def test_the_start_is_kept_if_all_others_are_barred():
    assert chosen([3.0, 1.0, 0.5], patches=[1.0, 9.0, 9.0]) == 0
    assert chosen([3.0, 1.0, 0.5], colorfulness=[2.0, 2.0, 2.0]) == 0  # and it is barred itself


def test_a_curve_needs_points():
    with pytest.raises(ValueError, match="without points"):
        StopRule().choose([])


def test_it_ends_when_enough_points_have_followed():
    rule = StopRule(smooth=1, patience=3)
    frechet = [10.0, 5.0, 3.0, 3.0, 3.0]
    assert not rule.ends(curve(frechet))
    assert rule.ends(curve([*frechet, 3.0]))
    assert not rule.ends(curve([*frechet, 0.1]))  # more has been found: the fall is longer, and its end is later


def test_on_a_curve_with_a_knee_it_ends_long_before_the_end():
    rule = StopRule()
    end = next(count for count in range(1, 41) if rule.ends(curve(KNEE[:count])))
    place = chosen(KNEE[:end])
    assert end - 1 - place == rule.patience
    assert 7 <= place <= 10
    assert end < 25


def test_medians_over_neighbors_by_hand():
    assert smoothed([5, 1, 4, 2, 3], 3) == [5, 4, 2, 3, 2.5]
    assert smoothed([5, 1, 4, 2, 3], 5) == [5, 3, 3, 2.5, 3]
    assert smoothed([5, 1, 4], 1) == [5, 1, 4]


DISTANCES = st.lists(st.floats(0.01, 1000), min_size=1, max_size=30)
RULES = st.builds(StopRule, share=st.sampled_from([0.5, 0.8, 0.9, 1.0]), smooth=st.sampled_from([1, 3, 5]))


@given(DISTANCES, st.sampled_from([1, 3, 5, 9]))
@settings(deadline=None)
def test_smoothing_keeps_the_length_the_first_and_the_range(values, width):
    middle = smoothed(values, width)
    assert len(middle) == len(values)
    assert middle[0] == values[0]
    assert min(values) <= min(middle) <= max(middle) <= max(values)


@given(DISTANCES, RULES, st.sampled_from([0.125, 0.5, 2.0, 64.0]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_choice_does_not_depend_on_the_unit(values, rule, factor, shifted):
    """A judge with other features measures other numbers: only the shape of the curve counts."""
    values = [round(value, 2) for value in values]
    moved = [factor * value + (1024.0 if shifted else 0.0) for value in values]
    assert chosen(values, rule=rule) == chosen(moved, rule=rule)


@given(DISTANCES, RULES, st.lists(st.floats(0, 500), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_worse_points_at_the_end_never_change_the_choice(values, rule, more):
    """Training on until it breaks gives the same generator, when the worse points follow a last one that is confirmed."""
    confirmed = [*values, *[values[-1]] * (rule.smooth // 2)]
    worse = [max(values) + value for value in more]
    assert chosen(confirmed, rule=rule) == chosen([*confirmed, *worse], rule=rule)


@given(DISTANCES, RULES, st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_kept_is_the_start_or_allowed_and_better_than_it(values, rule, data):
    patches = data.draw(st.lists(st.floats(0, 4), min_size=len(values), max_size=len(values)))
    points = curve(values, patches=patches)
    place, _ = rule.choose(points)
    assert place == 0 or not rule.bars(points[place], points[0])
    assert place == 0 or smoothed(values, rule.smooth)[place] < values[0]
