"""Calibration against scikit-learn, SciPy and Bayes' rule by hand, and scores that nobody should calibrate."""

import json
import math

import numpy as np
import pytest
import sklearn
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from packaging.version import Version
from scipy.optimize import minimize, minimize_scalar
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from course_lib.deepfake.calibrate import (
    Calibration,
    CaseTable,
    auc,
    class_weights,
    count_cases,
    ece,
    fit_platt,
    fit_temperature,
    threshold_for,
    wilson,
)

FITS = [fit_platt, fit_temperature]
finite = st.floats(-1e6, 1e6)


def logits(genuine, fakes, slope=1.0, intercept=0.0, seed=0):
    """Scores whose true log odds, with as many of both classes, are ``slope * score + intercept``.

    Of two normal distributions of variance 1, d apart, the log odds are d times the distance from the middle.
    """
    random = np.random.default_rng(seed)
    apart = 2.0
    log_odds = random.normal(size=genuine + fakes) * apart
    log_odds += np.where(np.arange(genuine + fakes) < genuine, -(apart**2) / 2, apart**2 / 2)
    return (log_odds - intercept) / slope, np.arange(genuine + fakes) >= genuine


# ---- fits


def by_scikit_learn(scores, manipulated, method):
    """Slope and intercept of the calibration of a classifier that is trained already."""
    column = np.asarray(scores)[:, None]
    trained = LogisticRegression().fit(column, manipulated)
    fitted = CalibratedClassifierCV(FrozenEstimator(trained), method=method).fit(column, manipulated)
    low, high = (math.log(p / (1 - p)) for p in fitted.predict_proba([[0.0], [1.0]])[:, 1])
    return high - low, low


def test_platt_is_that_of_scikit_learn():
    scores, manipulated = logits(300, 300, slope=0.4, intercept=-0.7)
    found = fit_platt(scores, manipulated)
    slope, intercept = by_scikit_learn(scores, manipulated, "sigmoid")
    assert found.slope == pytest.approx(slope, rel=1e-3)
    assert found.intercept == pytest.approx(intercept, abs=1e-3)
    assert (found.how, found.cases) == ("platt", 600)


@pytest.mark.skipif(Version(sklearn.__version__) < Version("1.8"), reason="scikit-learn has it from 1.8 on")
def test_temperature_is_that_of_scikit_learn():
    scores, manipulated = logits(300, 300, slope=0.4)
    trained = LogisticRegression(fit_intercept=False).fit(scores[:, None], manipulated)
    fitted = CalibratedClassifierCV(FrozenEstimator(trained), method="temperature")
    expected = fitted.fit(scores[:, None], manipulated).predict_proba(scores[:, None])[:, 1]
    found = fit_temperature(scores, manipulated)
    assert np.abs(found.probability(scores).numpy() - expected).max() < 1e-4
    assert (found.intercept, found.how, found.cases) == (0.0, "temperature", 600)


def loss(log_odds, targets, weights):
    return (weights * (np.logaddexp(0, log_odds) - targets * log_odds)).sum()


def test_classes_of_any_size_weigh_the_same():
    scores, manipulated = logits(500, 60, slope=2, intercept=0.5)
    weights = np.where(manipulated, 560 / 2 / 60, 560 / 2 / 500)
    targets = np.where(manipulated, 61 / 62, 1 / 502)
    best = minimize(lambda ab: loss(ab[0] * scores + ab[1], targets, weights), [1, 0], tol=1e-12).x
    found = fit_platt(scores, manipulated)
    assert (found.slope, found.intercept) == pytest.approx(best, rel=1e-4)
    best = minimize_scalar(lambda slope: loss(slope * scores, manipulated, weights), bounds=(0.01, 20)).x
    assert fit_temperature(scores, manipulated).slope == pytest.approx(best, rel=1e-4)
    assert class_weights(manipulated) == pytest.approx(weights)


@pytest.mark.parametrize(("genuine", "fakes"), [(20_000, 20_000), (40_000, 4_000), (4_000, 40_000)])
def test_the_truth_is_found_whatever_the_share_of_fakes(genuine, fakes):
    scores, manipulated = logits(genuine, fakes, slope=3, intercept=-1)
    found = fit_platt(scores, manipulated)
    assert (found.slope, found.intercept) == (pytest.approx(3, rel=0.05), pytest.approx(-1, abs=0.06))
    probability = found.probability(scores, base_rate=fakes / (genuine + fakes))
    assert ece(probability, manipulated) < 0.01


@pytest.mark.parametrize("fit", FITS)
def test_overconfident_scores_are_calmed(fit):
    scores, manipulated = logits(2000, 2000)
    loud = 4 * scores
    found = fit(loud, manipulated)
    assert found.slope == pytest.approx(0.25, rel=0.1)
    assert ece(found.probability(loud), manipulated) < 0.03 < ece(Calibration().probability(loud), manipulated)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e5])
def test_the_unit_of_the_scores_is_free(fit, unit):
    scores, manipulated = logits(80, 80)
    assert fit(scores * unit, manipulated).slope * unit == pytest.approx(fit(scores, manipulated).slope, rel=1e-5)


def test_a_detector_without_mistakes_is_not_certain_of_everything():
    scores, manipulated = [-3.0, -2.5, -2, -1.5, -1, 1, 1.5, 2, 2.5, 3], [0] * 5 + [1] * 5
    probability = fit_platt(scores, manipulated).probability(scores)
    assert probability.max() < 0.99
    assert probability.min() > 0.01
    with pytest.raises(ValueError, match="no temperature is low enough"):
        fit_temperature(scores, manipulated)


@pytest.mark.parametrize("fit", FITS)
def test_p_real_passed_by_mistake_is_refused(fit):
    scores, manipulated = logits(50, 50)
    with pytest.raises(ValueError, match=r"AUC 0\.\d\d.*was P\(real\) passed"):
        fit(-scores, manipulated)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("score", [0.0, 1.5])
def test_scores_that_are_all_the_same_are_refused(fit, score):
    with pytest.raises(ValueError, match=f"All scores are {score}"):
        fit(np.full(100, score), np.arange(100) < 50)


@pytest.mark.parametrize("fit", FITS)
def test_what_cannot_be_fitted_is_refused(fit):
    with pytest.raises(ValueError, match="All 20 cases are genuine"):
        fit(np.arange(20.0), np.zeros(20))
    with pytest.raises(ValueError, match="5 or more cases of each class, got 4 manipulated and 16 genuine"):
        fit(np.arange(20.0), np.arange(20) >= 16)
    with pytest.raises(ValueError, match="of case 3 is nan"):
        fit([0, 1, 2, math.nan] * 5, [0, 1] * 10)


# ---- probabilities

calibrations = st.builds(Calibration, st.floats(1e-3, 1e3), st.floats(-50, 50))
rates = st.floats(1e-6, 1 - 1e-6)


@settings(deadline=None)
@given(calibrations, st.lists(finite, min_size=1, max_size=20), rates)
def test_probabilities_rise_with_the_score_and_are_never_0_or_1(calibration, scores, base_rate):
    probability = calibration.probability(sorted(scores), base_rate)
    assert (probability > 0).all()
    assert (probability < 1).all()
    assert (probability.diff() >= 0).all()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10_000), st.integers(5, 40), st.integers(5, 40), rates)
def test_the_ranking_stays(seed, genuine, fakes, base_rate):
    scores, manipulated = logits(genuine, fakes, slope=0.7, intercept=0.3, seed=seed)
    scores = np.round(scores, 1)
    try:
        found = fit_platt(scores, manipulated)
    except ValueError:
        assert auc(scores, manipulated) < 0.7  # few cases, by chance the wrong way around
        return
    inside = found.probability(scores, base_rate).logit().abs() < 25
    assume(inside.all())  # beyond, probabilities come so near to 0 and 1 that they become equal
    assert auc(found.probability(scores, base_rate), manipulated) == auc(scores, manipulated)


@settings(deadline=None)
@given(calibrations, finite)
def test_a_base_rate_of_one_half_changes_nothing(calibration, score):
    odds = min(max(calibration.slope * score + calibration.intercept, -30), 30)
    assert calibration.probability(score).item() == pytest.approx(1 / (1 + math.exp(-odds)), rel=1e-9)
    assert calibration.probability(score, 0.5) == calibration.probability(score)


@settings(deadline=None)
@given(st.floats(-10, 10), rates)
def test_a_base_rate_shifts_as_bayes_says(score, base_rate):
    half = Calibration().probability(score).item()
    expected = half * base_rate / (half * base_rate + (1 - half) * (1 - base_rate))
    assert Calibration().probability(score, base_rate).item() == pytest.approx(expected, rel=1e-9)


def test_a_base_rate_shifts_as_other_cases_show():
    scores, manipulated = logits(30_000, 30_000)
    rare = np.random.default_rng(1).random(60_000) < np.where(manipulated, 0.05, 1)  # one fake of 20 is kept
    scores, manipulated = scores[rare], manipulated[rare]
    calibration = fit_platt(*logits(30_000, 30_000, seed=7))
    assert ece(calibration.probability(scores, manipulated.mean()), manipulated) < 0.01
    assert ece(calibration.probability(scores), manipulated) > 0.1
    assert ece(calibration.probability(scores, 1 - manipulated.mean()), manipulated) > 0.3


def test_probabilities_have_the_shape_of_the_scores():
    calibration = Calibration(2.0, 1.0)
    scores = torch.tensor([[0.0, 1.0, -0.5]], requires_grad=True)
    probability = calibration.probability(scores)
    assert probability.shape == (1, 3)
    assert probability.dtype == torch.float64
    assert not probability.requires_grad
    assert probability[0, 2] == 0.5
    assert calibration.probability(-0.5).shape == ()
    assert calibration.probability(np.array([-0.5, 3])[::-1]).tolist()[1] == 0.5


@pytest.mark.parametrize("base_rate", [0, 1, -0.1, 1.5, math.nan])
def test_what_is_no_base_rate_is_refused(base_rate):
    with pytest.raises(ValueError, match="base rate is"):
        Calibration().probability(0.0, base_rate)
    with pytest.raises(ValueError, match="base rate is"):
        threshold_for(1, 1, base_rate)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_is_no_score_has_no_probability(score):
    with pytest.raises(ValueError, match="no probability"):
        Calibration().probability([0.0, score])


# ---- costs


@settings(deadline=None)
@given(st.floats(0.01, 100), st.floats(0.01, 100), rates, st.floats(-8, 8))
def test_the_threshold_is_where_the_cheaper_answer_changes(miss, false_alarm, base_rate, score):
    calibration = Calibration()
    probability = calibration.probability(score, base_rate).item()
    cost_of_manipulated, cost_of_genuine = (1 - probability) * false_alarm, probability * miss
    says = calibration.probability(score).item() >= threshold_for(miss, false_alarm, base_rate)
    if not math.isclose(cost_of_manipulated, cost_of_genuine, rel_tol=1e-9):
        assert says == (cost_of_manipulated < cost_of_genuine)
        assert says == (probability >= threshold_for(miss, false_alarm))


def test_thresholds_worked_out_by_hand():
    assert threshold_for(1, 1) == 0.5
    assert threshold_for(1, 9) == pytest.approx(0.9)
    assert threshold_for(1, 1, base_rate=0.1) == pytest.approx(0.9)
    assert threshold_for(9, 1, base_rate=0.1) == pytest.approx(0.5)
    assert (threshold_for(1, 0), threshold_for(0, 1)) == (0, 1)


@pytest.mark.parametrize("costs", [(0, 0), (-1, 2), (1, math.inf), (math.nan, 1)])
def test_what_are_no_costs_is_refused(costs):
    with pytest.raises(ValueError, match="Costs must be"):
        threshold_for(*costs)


# ---- cases with a like score


def test_cases_are_counted_in_ten_bins_of_as_many():
    scores, manipulated = logits(250, 250)
    table = count_cases(scores, manipulated)
    order = np.argsort(scores)
    assert table.all == (50,) * 10
    assert table.fake == tuple(int(manipulated[order[start : start + 50]].sum()) for start in range(0, 500, 50))


few_values = st.integers(-3, 3).map(float)


@settings(deadline=None)
@given(st.lists(st.tuples(few_values, st.booleans()), max_size=40), st.integers(1, 12), st.floats(-5, 5))
def test_each_case_is_in_one_bin(rows, bins, other):
    rows = [*rows, (0.0, True), (1.0, False)]
    scores, manipulated = (np.array(each) for each in zip(*rows, strict=True))
    table = count_cases(scores, manipulated, bins)
    assert sum(table.all) == len(rows)
    assert sum(table.fake) == manipulated.sum()
    assert len(table.all) <= bins
    places = np.array([sum(score > edge for edge in table.edges) for score in scores])
    for score, place in [*zip(scores, places, strict=True), (other, sum(other > edge for edge in table.edges))]:
        alike = table.like(score)
        inside = places == place
        assert (alike.fake, alike.all) == (manipulated[inside].sum(), inside.sum())
        assert (alike.low, alike.high) == wilson(alike.fake, alike.all)


def test_scores_beyond_all_cases_belong_to_the_outer_bins():
    table = count_cases(*logits(50, 50))
    assert table.like(-1e9)[:2] == (table.fake[0], table.all[0])
    assert table.like(torch.tensor(1e9))[:2] == (table.fake[-1], table.all[-1])
    with pytest.raises(ValueError, match="score is nan"):
        table.like(math.nan)


def test_there_must_be_cases_of_both_classes_and_a_bin():
    with pytest.raises(ValueError, match="both are needed"):
        count_cases([1.0, 2.0], [1, 1])
    with pytest.raises(ValueError, match="at least 1 bin"):
        count_cases([1.0, 2.0], [0, 1], bins=0)


# ---- JSON


@pytest.mark.parametrize("made", [fit_platt(*logits(40, 30)), count_cases(*logits(40, 30)), Calibration()])
def test_json_gives_back_the_same(made):
    assert type(made).from_json(json.loads(json.dumps(made.to_json()))) == made


GOOD = {
    Calibration: {"slope": 1.0, "intercept": 0, "how": "platt", "cases": 7},
    CaseTable: {"edges": [0.0, 1.0], "fake": [0, 1, 2], "all": [3, 3, 2]},
}


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (Calibration, {"slope": 0.0}),
        (Calibration, {"slope": -1.0}),
        (Calibration, {"slope": math.nan}),
        (Calibration, {"slope": "1"}),
        (Calibration, {"intercept": math.inf}),
        (Calibration, {"intercept": True}),
        (Calibration, {"how": "magic"}),
        (Calibration, {"cases": -1}),
        (Calibration, {"cases": 1.5}),
        (Calibration, {"more": 1}),
        (CaseTable, {"edges": [0.0]}),
        (CaseTable, {"edges": [1.0, 1.0]}),
        (CaseTable, {"edges": [0.0, math.nan]}),
        (CaseTable, {"edges": ["a", "b"]}),
        (CaseTable, {"fake": [0, 1, 3]}),
        (CaseTable, {"fake": [0, -1, 2]}),
        (CaseTable, {"all": [3, 3, 2.5]}),
        (CaseTable, {"fake": [0, 0, 0], "all": [3, 3, 0]}),
        (CaseTable, {"more": 1}),
    ],
)
def test_other_json_is_refused(kind, change):
    assert kind.from_json(GOOD[kind])
    with pytest.raises(ValueError, match=r"calibration|Calibration|table of cases|CaseTable"):
        kind.from_json(GOOD[kind] | change)
    for other in (None, [], {}, "text"):
        with pytest.raises(ValueError, match="has the fields"):
            kind.from_json(other)
