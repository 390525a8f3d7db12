"""Measures of scores and probabilities against scikit-learn and SciPy, cases worked out by hand, and what people get wrong."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from course_lib.deepfake.reliability import (
    auc,
    bootstrap,
    brier,
    ece,
    equal_error_threshold,
    false_alarm_rate,
    reliability,
    risk_coverage,
    wilson,
)

few_values = st.integers(-4, 4).map(float)


@st.composite
def cases(draw, elements=few_values, least=2, most=40):
    """Scores with many ties, and labels with both classes."""
    count = draw(st.integers(least, most))
    scores = draw(st.lists(elements, min_size=count, max_size=count))
    labels = [True, False, *draw(st.lists(st.booleans(), min_size=count - 2, max_size=count - 2))]
    return np.array(scores), np.array(draw(st.permutations(labels)))


probabilities = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.floats(0, 1))


def drawn(count, seed=0):
    """Probabilities that are true: each case is manipulated with its own."""
    random = np.random.default_rng(seed)
    probability = random.random(count)
    return probability, random.random(count) < probability


# ---- ranking and thresholds


@settings(deadline=None)
@given(cases())
def test_auc_is_that_of_scikit_learn(case):
    scores, manipulated = case
    assert auc(scores, manipulated) == pytest.approx(roc_auc_score(manipulated, scores), abs=1e-12)


@settings(deadline=None)
@given(cases())
def test_scores_the_wrong_way_around_have_the_other_auc(case):
    scores, manipulated = case
    assert auc(-scores, manipulated) == pytest.approx(1 - auc(scores, manipulated), abs=1e-12)


def test_p_real_passed_by_mistake_ranks_worse_than_guessing():
    probability, manipulated = drawn(500)
    assert auc(probability, manipulated) > 0.75
    assert auc(1 - probability, manipulated) < 0.25


def test_tensors_lists_and_arrays_are_all_taken():
    scores, manipulated = [0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]
    assert auc(scores, manipulated) == 0.75
    assert auc(torch.tensor(scores, requires_grad=True), torch.tensor(manipulated, dtype=torch.bool)) == 0.75
    assert auc(torch.tensor(scores).bfloat16(), np.array(manipulated)) == 0.75


def test_a_false_alarm_is_a_genuine_case_at_or_above_the_threshold():
    scores, manipulated = [0.0, 1.0, 2.0, 3.0, 9.0], [0, 0, 0, 0, 1]
    assert [false_alarm_rate(scores, manipulated, each) for each in (-1, 1.0, 1.5, 3.5)] == [1.0, 0.75, 0.5, 0.0]
    assert false_alarm_rate([1.0, 2.0], [0, 0], 2) == 0.5
    with pytest.raises(ValueError, match="no genuine case"):
        false_alarm_rate([1.0], [1], 0)
    with pytest.raises(ValueError, match="threshold is nan"):
        false_alarm_rate(scores, manipulated, math.nan)


@settings(deadline=None)
@given(cases())
def test_no_score_has_more_equal_errors_than_the_one_that_is_named(case):
    scores, manipulated = case
    alarms, hits, thresholds = roc_curve(manipulated, scores, drop_intermediate=False)
    apart = dict(zip(thresholds[1:], np.abs(alarms - (1 - hits))[1:], strict=True))
    assert apart[equal_error_threshold(scores, manipulated)] == pytest.approx(min(apart.values()), abs=1e-12)


# ---- calibration


@settings(deadline=None)
@given(cases(probabilities))
def test_brier_is_that_of_scikit_learn(case):
    probability, manipulated = case
    assert brier(probability, manipulated) == pytest.approx(brier_score_loss(manipulated, probability), abs=1e-12)


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(1, 12), st.booleans(), st.integers(0, 1000))
def test_the_diagram_is_that_of_scikit_learn(count, bins, equal_mass, seed):
    assume(
        not equal_mass or math.gcd(count - 1, bins) == 1
    )  # otherwise rounding says where the case on an edge belongs
    probability, manipulated = drawn(count, seed)
    made = reliability(probability, manipulated, bins, equal_mass)
    strategy = "quantile" if equal_mass else "uniform"
    share, mean = calibration_curve(manipulated, probability, n_bins=bins, strategy=strategy)
    assert [each.share for each in made] == pytest.approx(share.tolist())
    assert [each.mean for each in made] == pytest.approx(mean.tolist())
    assert sum(each.count for each in made) == len(probability)


@settings(deadline=None)
@given(cases(probabilities), st.integers(1, 12), st.booleans())
def test_bins_of_the_diagram_hold_their_cases(case, bins, equal_mass):
    probability, manipulated = case
    made = reliability(probability, manipulated, bins, equal_mass)
    for each in made:
        inside = (probability > each.low) & (probability <= each.high) | (each is made[0]) & (probability <= each.high)
        assert each.count == inside.sum() > 0
        assert not equal_mass or each.high == probability[inside].max()
        assert each.mean == pytest.approx(probability[inside].mean())
        assert each.share == pytest.approx(manipulated[inside].mean())
        assert (each.low_end, each.high_end) == wilson(round(each.share * each.count), each.count)


@settings(deadline=None)
@given(cases(probabilities), st.integers(1, 12), st.booleans())
def test_ece_is_the_mean_distance_in_the_diagram(case, bins, equal_mass):
    made = reliability(*case, bins, equal_mass)
    expected = sum(each.count * abs(each.mean - each.share) for each in made) / len(case[0])
    assert ece(*case, bins, equal_mass) == pytest.approx(expected, abs=1e-12)
    assert 0 <= expected <= 1


def test_ece_worked_out_by_hand():
    probability = [0.1, 0.1, 0.2, 0.4, 0.6, 0.9, 0.9, 1.0]
    manipulated = [0, 1, 0, 0, 1, 1, 1, 1]
    # Equal mass, two bins: means .2 and .85, shares 1/4 and 1. Four bins: means .1, .3, .75, .95 and shares .5, 0, 1, 1; the two
    # cases at .9 lie on an edge, so both belong to the third bin: .1 .1 | .2 .4 | .6 .9 .9 | 1.
    assert ece(probability, manipulated, bins=2) == pytest.approx((4 * 0.05 + 4 * 0.15) / 8)
    assert ece(probability, manipulated, bins=4) == pytest.approx((2 * 0.4 + 2 * 0.3 + 3 * 0.2 + 1 * 0.0) / 8)
    # Equal width, two bins: .1 .1 .2 .4 | .6 .9 .9 1, as above.
    assert ece(probability, manipulated, bins=2, equal_mass=False) == pytest.approx(0.1)
    # One bin: means .525 and .625.
    assert ece(probability, manipulated, bins=1) == pytest.approx(0.1)


def test_ece_of_true_probabilities_vanishes_and_that_of_squared_ones_does_not():
    probability, manipulated = drawn(200_000)
    assert ece(probability, manipulated) < 0.005
    assert ece(probability**2, manipulated) == pytest.approx(1 / 6, abs=0.005)  # the integral of p - p ** 2


def test_ece_looks_at_the_class_and_not_at_the_confidence():
    probability, manipulated = np.array([0.2] * 50 + [0.8] * 50), np.array([1] * 10 + [0] * 40 + [1] * 40 + [0] * 10)
    assert ece(probability, manipulated) == pytest.approx(0)
    assert ece(1 - probability, manipulated) == pytest.approx(0.6)  # P(real) by mistake


@pytest.mark.parametrize("count", [1, 2, 7, 40, 1000])
def test_wilson_is_that_of_scipy(count):
    for hits in {0, 1, count // 3, count - 1, count}:
        expected = binomtest(hits, count).proportion_ci(confidence_level=0.95, method="wilson")
        assert wilson(hits, count) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_nothing_says_nothing():
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 9)[0] == 0.0
    assert wilson(9, 9)[1] == 1.0
    for hits, count in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no share"):
            wilson(hits, count)


# ---- answering some


def risks_by_loop(probability, manipulated):
    """For each case, in order of falling certainty: the share at least as certain as it, and the errors among those."""
    certainty, wrong = np.abs(probability - 0.5), (probability >= 0.5) != manipulated
    answered = [certainty >= each for each in -np.sort(-certainty)]
    return [each.mean() for each in answered], [wrong[each].mean() for each in answered]


@settings(deadline=None)
@given(cases(probabilities))
def test_risk_and_coverage_are_those_of_a_loop(case):
    coverage, risk = risk_coverage(*case)
    expected = risks_by_loop(*case)
    assert coverage.tolist() == pytest.approx(expected[0])
    assert risk.tolist() == pytest.approx(expected[1])


@settings(deadline=None)
@given(cases(probabilities))
def test_who_answers_everything_has_the_error_rate(case):
    probability, manipulated = case
    coverage, risk = risk_coverage(probability, manipulated)
    assert coverage[-1] == 1
    assert risk[-1] == pytest.approx(((probability >= 0.5) != manipulated).mean())
    assert (coverage.diff() >= 0).all()


def test_risk_worked_out_by_hand():
    coverage, risk = risk_coverage([0.99, 0.9, 0.1, 0.6, 0.45], [1, 0, 0, 1, 1])
    assert coverage.tolist() == pytest.approx([0.2, 0.6, 0.6, 0.8, 1.0])  # .9 and .1 are equally certain
    assert risk.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 4, 2 / 5])


# ---- intervals


def test_a_bootstrap_is_the_same_for_the_same_seed():
    probability, manipulated = drawn(60)
    first = bootstrap(auc, probability, manipulated, count=100)
    assert first == bootstrap(auc, probability, manipulated, count=100)
    assert first != bootstrap(auc, probability, manipulated, count=100, seed=1)


@settings(deadline=None)
@given(cases(probabilities, least=4), st.sampled_from([auc, ece, brier]), st.booleans())
def test_the_interval_holds_the_value(case, measure, grouped):
    groups = np.arange(len(case[0])) // 2 if grouped else None
    value, low, high = bootstrap(measure, *case, count=20, groups=groups)
    assert value == measure(*case)
    assert low <= value <= high


def test_an_interval_of_a_mean_is_as_wide_as_theory_says():
    scores = np.random.default_rng(3).normal(size=400)
    _, low, high = bootstrap(lambda each, _: each.mean(), scores, np.zeros(400), count=4000)
    assert high - low == pytest.approx(2 * 1.96 * scores.std() / 20, rel=0.06)


def test_every_draw_has_as_many_of_each_class_as_there_are():
    seen = []
    manipulated = np.array([1, 0, 0, 0, 0, 1, 0])
    bootstrap(lambda _, labels: seen.append(int(labels.sum())) or 0, np.arange(7.0), manipulated, count=50)
    assert set(seen) == {2}


def drawn_rows(groups, manipulated, count=50):
    """The rows of each draw, told by their scores."""
    seen = []
    rows = np.arange(float(len(groups)))
    bootstrap(lambda scores, _: seen.append(scores.long()) or 0, rows, manipulated, count=count, groups=groups)
    return seen[1:]


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=20), st.integers(0, 1000))
def test_groups_are_drawn_whole(groups, seed):
    manipulated = np.random.default_rng(seed).random(len(groups)) < 0.5
    names = np.array(groups)
    for rows in drawn_rows(groups, manipulated, 10):
        often = torch.bincount(rows, minlength=len(groups)).numpy()
        for name in set(groups):
            assert len(set(often[names == name])) == 1
        drawn_groups = sum(often[names == name][0] for name in set(groups))
        assert drawn_groups == len(set(groups))


def test_all_groups_can_be_drawn_and_more_than_once():
    often = torch.bincount(torch.cat(drawn_rows([0, 0, 1, 2, 2], [0, 1, 1, 0, 1], 300)), minlength=5)
    assert (often > 200).all()
    assert any(torch.bincount(rows).max() > 1 for rows in drawn_rows([0, 0, 1, 1], [0, 1, 0, 1]))


def test_groups_of_one_class_never_leave_a_draw_without_the_other():
    scores, manipulated, groups = [1.0, 2, 3, 4], [0, 0, 1, 1], [7, 7, 8, 8]
    assert bootstrap(auc, scores, manipulated, groups=groups, count=50) == (1.0, 1.0, 1.0)


def test_cases_that_are_copies_of_one_another_do_not_narrow_the_interval():
    probability, manipulated = drawn(40)
    copies = [np.repeat(each, 10) for each in (probability, manipulated, np.arange(40))]
    single, naive = (bootstrap(auc, *each, count=400) for each in ((probability, manipulated), copies[:2]))
    whole = bootstrap(auc, *copies[:2], count=400, groups=copies[2])
    assert naive[2] - naive[1] < 0.5 * (single[2] - single[1])
    assert whole[2] - whole[1] == pytest.approx(single[2] - single[1], rel=0.2)


# ---- what is refused

MEASURES = [auc, brier, ece, risk_coverage, equal_error_threshold]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    ("scores", "manipulated", "message"),
    [
        ([0.1, math.nan, 0.2], [0, 1, 1], "of case 1 is nan"),
        ([0.1, 0.3, math.inf], [0, 1, 1], "of case 2 is inf"),
        ([0.1, 0.3], [0, 1, 1], r"one label for each case.*\(2,\) and \(3,\)"),
        ([[0.1], [0.3]], [[0], [1]], r"one label for each case.*\(2, 1\)"),
        ([], [], "one label for each case"),
        ([0.1, 0.3], [0, 2], "True or 1 for fakes"),
        ([0.1, 0.3], [0.2, 0.9], "True or 1 for fakes"),
        ([0.1, 0.3], ["real", "fake"], "must be numbers"),
        ([None, 0.3], [0, 1], "is nan|must be numbers"),
    ],
)
def test_what_is_not_one_finite_number_for_each_case_is_refused(measure, scores, manipulated, message):
    with pytest.raises(ValueError, match=message):
        measure(scores, manipulated)


@pytest.mark.parametrize("measure", [auc, equal_error_threshold])
def test_one_class_alone_ranks_nothing(measure):
    with pytest.raises(ValueError, match="All 3 cases are genuine: both are needed"):
        measure([0.1, 0.2, 0.3], [0, 0, 0])
    with pytest.raises(ValueError, match="All 2 cases are manipulated"):
        measure([0.1, 0.2], [True, True])


@pytest.mark.parametrize("measure", [brier, ece, reliability, risk_coverage])
def test_scores_are_no_probabilities(measure):
    for scores in ([-0.1, 0.5], [0.5, 1.1]):
        with pytest.raises(ValueError, match=r"in \[0, 1\]"):
            measure(scores, [0, 1])


def test_there_is_at_least_one_bin_and_one_draw():
    for measure in (ece, reliability):
        with pytest.raises(ValueError, match="at least 1 bin"):
            measure([0.1, 0.9], [0, 1], bins=0)
    with pytest.raises(ValueError, match="at least 1 draw"):
        bootstrap(auc, [0.1, 0.9], [0, 1], count=0)
    with pytest.raises(ValueError, match="one group for each of the 2 cases"):
        bootstrap(auc, [0.1, 0.9], [0, 1], groups=[1])
