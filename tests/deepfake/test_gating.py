"""The gate: a worse version does not pass, neither does one that nothing is known about, and the numbers say why."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_lib.deepfake import gating
from course_lib.deepfake.calibrate import Calibration, CaseTable
from course_lib.deepfake.gating import Margins, digest, gate, measure_version, paired_shares
from course_lib.deepfake.profile import Profile

FILMS, FACES = 600, 800
LABELS = torch.arange(FILMS) % 2


def noise(seed, count):
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


SHARED, GENUINE = noise(0, FILMS), noise(1, FACES)


def profile(name="live", slope=1.0, high=0.8, weights="a" * 64):
    table = CaseTable((0.0,), (5, 45), (50, 50))
    return Profile(
        name, weights, Calibration(slope, 0.0, "platt", 100), table, 0.2, high, 64, 50.0, "tests", {"score": [0.0]}
    )


def scores(apart=2.4, own=0.1, seed=5, count=FILMS):
    """Log odds of films whose two kinds lie ``apart``: much is shared between versions, and a little is their own."""
    mixed = (SHARED[:count] + own * noise(seed, count)) / math.hypot(1, own)
    return apart * (mixed + apart * (LABELS[:count] - 0.5))


def genuine(apart=2.4, own=0.1, seed=6, count=FACES):
    mixed = (GENUINE[:count] + own * noise(seed, count)) / math.hypot(1, own)
    return apart * (mixed - apart / 2)


def measured(made=None, films=None, faces=None, labels=LABELS, **more):
    films, faces = scores() if films is None else films, genuine() if faces is None else faces
    return measure_version(films, labels, faces, made or profile(), test_set="frozen", **more)


@pytest.fixture(autouse=True, scope="module")
def _fewer_draws():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gating, "DRAWS", 200)
        yield


@pytest.fixture(scope="module")
def live():
    return measured()


@pytest.fixture(scope="module")
def alike():
    """A version trained again: a little of its own, and no worse."""
    return measured(profile("next", weights="b" * 64), scores(own=0.12, seed=7), genuine(own=0.12, seed=8))


def failed(decision):
    return [item.name for item in decision.differences if not item.holds]


# ---- measuring


def test_what_is_measured(live):
    from sklearn.metrics import roc_auc_score

    assert live.auc[0] == pytest.approx(roc_auc_score(LABELS, scores()))
    for value, low, high in (live.auc, live.ece, live.false_alarms, live.caught):
        assert 0 <= low <= value <= high <= 1
        assert low < high
    probability = torch.sigmoid(torch.as_tensor(genuine()))
    assert live.false_alarms[0] == pytest.approx((probability >= 0.8).double().mean().item())
    assert live.caught[0] == pytest.approx((torch.sigmoid(scores()[LABELS == 1]) >= 0.8).double().mean().item())
    assert (live.films, live.faces, live.name, live.sha256) == (FILMS, FACES, "live", "a" * 64)
    assert live.profile == digest(profile())
    assert live.test_set == "frozen"


def test_the_threshold_is_that_of_the_profile_unless_given():
    given_it = measured(threshold=0.5)
    assert given_it.false_alarms[0] > measured().false_alarms[0]
    assert measured(faces=torch.tensor([0.0, -0.01]), threshold=0.5).alarms == (True, False)  # from the threshold on
    bare = Calibration()
    assert measured(bare, threshold=0.8).sha256 == ""
    with pytest.raises(ValueError, match="no threshold"):
        measured(bare)


def test_a_profile_is_another_one_with_any_change():
    first = digest(profile())
    assert first == digest(profile())
    assert len({first, digest(profile(slope=1.001)), digest(profile(high=0.81)), digest(profile("x"))}) == 4


def test_numbers_that_cannot_be_measured_are_refused():
    for changed, match in (
        ({"films": scores()[:-1]}, "one film score"),
        ({"films": scores() * math.nan}, "film score"),
        ({"labels": torch.ones(FILMS)}, "both are needed"),
        ({"labels": LABELS * 2}, "True or 1"),
        ({"faces": torch.zeros(0)}, "genuine face"),
        ({"faces": torch.tensor([math.inf])}, "genuine face"),
        ({"groups": [1, 2]}, "one group"),
    ):
        with pytest.raises(ValueError, match=match):
            measured(**changed)


# ---- the difference of two shares


def test_paired_shares_give_published_intervals():
    def table(both, first, second, neither):
        rows = [(1, 1)] * both + [(1, 0)] * first + [(0, 1)] * second + [(0, 0)] * neither
        return paired_shares(*zip(*rows, strict=True))

    # Newcombe (1998), table II, method 10; and Fagerland, Lydersen and Laake (2014), the study of airway hyper-responsiveness.
    assert table(36, 12, 2, 0) == pytest.approx((0.2, 0.0569, 0.3404), abs=5e-5)
    assert table(1, 1, 7, 12) == pytest.approx((-6 / 21, -0.507, -0.026), abs=5e-4)


def test_no_false_alarm_among_few_faces_proves_little():
    assert paired_shares([False] * 50, [False] * 50)[1:] == pytest.approx((-0.0713, 0.0713), abs=1e-4)
    assert paired_shares([False] * 1000, [False] * 1000)[2] < 0.004


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_paired_shares_hold_their_value_and_turn_around(pairs):
    first, second = zip(*pairs, strict=True)
    value, low, high = paired_shares(first, second)
    assert -1 - 1e-9 <= low <= value <= high <= 1 + 1e-9
    assert value == pytest.approx((sum(first) - sum(second)) / len(pairs))
    assert paired_shares(second, first) == pytest.approx((-value, -high, -low))


# ---- the gate


def test_a_version_that_is_no_worse_passes(live, alike):
    decision = gate(alike, live)
    assert decision.promote, decision.text()
    assert decision.reasons == ()
    assert [item.name for item in decision.differences] == ["auc", "ece", "false_alarms", "caught"]
    assert "next may be promoted" in decision.text()
    assert decision.text().count("That holds.") == 4
    assert gate(live, live).promote


def test_a_version_that_tells_films_apart_less_well_is_refused_with_numbers(live):
    worse = measured(profile("next"), scores(apart=1.6, own=0.4))
    decision = gate(worse, live)
    assert not decision.promote
    assert "auc" in failed(decision)
    (sentence,) = (reason for reason in decision.reasons if reason.startswith("AUC"))
    assert f"AUC on films {worse.auc[0]:.3f}, live {live.auc[0]:.3f}: difference -0." in sentence
    assert sentence.endswith("600 films), allowed -0.01. That is worse.")
    assert gate(live, worse).differences[0].holds, "a better one must not be refused for its AUC"


def test_a_version_that_is_too_sure_is_refused(live):
    decision = gate(measured(profile("next", slope=4.0)), live)
    assert failed(decision) == ["ece"] or failed(decision) == ["ece", "false_alarms"]
    assert decision.differences[0].value == 0  # the same scores


def test_a_version_with_more_false_alarms_is_refused(live):
    decision = gate(measured(profile("next"), faces=genuine() + 1), live)
    assert failed(decision) == ["false_alarms"]
    assert "False alarms on genuine faces" in decision.reasons[0]
    assert decision.reasons[0].endswith("800 faces), allowed +0.02. That is worse.")
    assert failed(gate(live, measured(faces=genuine() + 1))) == []


def test_a_version_that_never_accuses_is_refused(live):
    silent = measured(profile("next", high=1.0))
    assert silent.false_alarms[0] == 0
    assert failed(gate(silent, live)) == ["caught"]


def test_on_few_films_nothing_is_shown_and_the_gate_stays_closed():
    small = {"labels": LABELS[:80]}
    live = measured(films=scores(count=80), faces=genuine(count=60), **small)
    candidate = measured(
        profile("next"), scores(own=0.5, seed=9, count=80), genuine(own=0.5, seed=9, count=60), **small
    )
    decision = gate(candidate, live)
    assert not decision.promote
    open_ends = [reason for reason in decision.reasons if "That may be worse: it takes about" in reason]
    assert open_ends, decision.text()
    assert all(int(reason.rsplit("about ", 1)[1].split()[0]) > 40 for reason in open_ends)


def test_too_few_films_are_too_few_even_for_the_same_version():
    tiny = measured(films=scores(count=40), labels=LABELS[:40])
    decision = gate(tiny, tiny)
    assert not decision.promote
    assert "20 genuine and 20 manipulated films are too few" in decision.reasons[0]


def test_films_are_compared_in_pairs(live):
    candidate = measured(profile("next"), scores(apart=2.2, own=0.1, seed=5))
    item = gate(candidate, live).differences[0]
    separate = (candidate.auc[2] - candidate.auc[1]) + (live.auc[2] - live.auc[1])
    assert item.high - item.low < separate / 3


def test_films_of_one_face_are_no_independent_films(live):
    groups = (np.arange(FILMS) // 2 % 20).tolist()
    spread = scores(own=0.5, seed=11) + 2 * noise(12, 20)[torch.tensor(groups)]
    few = [measured(profile("next"), films, groups=groups) for films in (spread, scores())]
    assert few[0].groups == few[1].groups == tuple(groups)
    loose = [measured(profile("next"), films) for films in (spread, scores())]
    assert gate(*few).differences[1].high != gate(*loose).differences[1].high


def test_margins_decide(live):
    candidate = measured(profile("next"), scores(apart=2.2))
    assert "auc" in failed(gate(candidate, live, Margins(auc=0.001)))
    assert gate(candidate, live, Margins(auc=0.5, ece=0.5, false_alarms=0.5, caught=1)).promote


def test_versions_measured_on_different_things_are_not_compared(live, alike):
    for other, part in (
        (replace(live, test_set="another"), "test_set"),
        (replace(live, manipulated=live.manipulated[::-1]), "manipulated"),
        (replace(live, groups=tuple(range(FILMS))), "groups"),
        (replace(live, faces=7), "faces"),
    ):
        with pytest.raises(ValueError, match=part):
            gate(alike, other)
    with pytest.raises(ValueError, match="film by film"):
        gate(alike, replace(live, scores=()))


def test_a_version_that_is_worse_by_the_margin_rarely_passes_and_a_like_one_often_does():
    generator, base = np.random.default_rng(0), measured()

    def passes(lost, runs=25):
        found = 0
        for _ in range(runs):
            shared, own = generator.normal(size=400), generator.normal(size=(2, 400))
            labels = np.arange(400) % 2
            films = [
                2 * (shared + 0.2 * each) + apart * labels for each, apart in zip(own, (4.8 - lost, 4.8), strict=True)
            ]
            versions = [replace(base, scores=tuple(each), manipulated=tuple(labels == 1), films=400) for each in films]
            found += gating._films("auc", *versions, margin=0.02).holds
        return found / runs

    assert passes(0.0) >= 0.8
    assert passes(0.6) <= 0.12  # AUC .952 against .927
