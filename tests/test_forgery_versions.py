"""After the detector went live: what arrives, and versions that are all measured on one frozen set, from the files that would go live."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from course_lib import forgery_versions as live
from course_lib.deepfake import blend, films
from course_lib.deepfake.profile import read_profile
from course_lib.deepfake.quality import blockiness, sharpness
from course_lib.deepfake.recipes import Change, Recipe
from course_lib.deepfake.versions import VersionError
from course_lib.forgery import scores_of
from course_lib.models import ForgeryNet
from course_lib.models.checkpoints import load_checkpoint, read_card
from tests.deepfake.bright import DETECTOR, gray, pairs_of

GENUINE, FAKE = (60, 80, 90, 100, 100, 110), (90, 110, 120, 130, 140, 150)


def rng(seed=0):
    return np.random.default_rng(seed)


class Watched:
    """A function that remembers how it was called and what it returned."""

    def __init__(self, function):
        self.function, self.calls, self.answers = function, [], []

    def __call__(self, *given, **options):
        self.calls.append((given, options))
        self.answers.append(self.function(*given, **options))
        return self.answers[-1]


@pytest.fixture
def watch(monkeypatch):
    """Puts a `Watched` in the place of a function."""

    def put(module, name, function=None):
        watched = Watched(function or getattr(module, name))
        monkeypatch.setattr(module, name, watched)
        return watched

    return put


# ---- what arrives


def test_genuine_pictures_arrive(watch):
    """Of pairs, only the genuine ones: the fakes are brighter."""
    made = pairs_of([100, 90, 130], [250, 250, 250])
    pairs = watch(live.blend, "pairs", lambda rgb, rng, finishes: made)
    told = live.arrivals(3, rng(), DETECTOR)
    assert told["score"] == pytest.approx([-1, -2, 2], abs=1e-4)
    assert set(told) == {"score", "sharpness", "compression"}
    (rgb, _), _ = pairs.calls[0]
    assert (rgb.shape, rgb.dtype) == ((3, 3, 128, 128), torch.uint8)


def test_qualities_and_sizes_are_those_asked_for(watch):
    pairs = watch(live.blend, "pairs", lambda rgb, rng, finishes: pairs_of([100], [100]))
    live.arrivals(1, rng(), DETECTOR, quality=(20, 22), smaller=1.5)
    drawn = [pairs.calls[0][1]["finishes"](rng(seed)) for seed in range(100)]
    assert {finish.quality for finish in drawn} == {20, 21, 22}
    assert min(finish.smaller for finish in drawn) >= 1.5
    assert max(finish.smaller for finish in drawn) <= 1.8


def test_what_is_told_is_measured_on_the_same_pictures(watch):
    pairs = watch(live.blend, "pairs")
    told = live.arrivals(4, rng(), DETECTOR)
    levels = pairs.answers[0].genuine
    assert told["score"] == DETECTOR.scores(levels).tolist()
    assert told["sharpness"] == sharpness(levels.float() / 255).tolist()
    assert told["compression"] == blockiness(levels.float() / 255).tolist()
    assert live.arrivals(4, rng(), DETECTOR) == told
    assert live.arrivals(4, rng(1), DETECTOR) != told


def test_worse_files_have_more_blocks_and_less_detail():
    good = live.arrivals(6, rng(), DETECTOR, quality=(90, 100))
    bad = live.arrivals(6, rng(), DETECTOR, quality=(10, 15), smaller=2.0)
    assert np.mean(bad["compression"]) > np.mean(good["compression"]) + 0.3
    assert np.mean(bad["sharpness"]) < np.mean(good["sharpness"])


# ---- the frozen set


LITTLE = Recipe(change=Change(brightness=0.2), on_source=False, radii=(0.25, 0.25))  # the target is changed, all of it


@pytest.fixture(scope="module")
def frozen():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "FRAMES", 2)
        patch.setattr(live, "draw_recipe", lambda rng: replace(LITTLE, bend_seed=int(rng.integers(9))))
        patch.setattr(films, "through_jpeg", lambda face, quality: face)  # whose blocks would spread a difference
        yield live.frozen_set(3, seed=5)


def test_every_piece_has_a_genuine_and_a_manipulated_film(frozen):
    assert frozen.films.shape == (6, 2, 3, 128, 128)
    assert frozen.films.dtype == frozen.genuine.dtype == torch.uint8
    assert frozen.manipulated.tolist() == [0, 1, 0, 1, 0, 1]
    assert frozen.whose == [0, 0, 1, 1, 2, 2]
    assert frozen.genuine.shape == (12, 3, 128, 128)


def test_films_of_a_piece_differ_where_they_are_blended_and_nowhere_else(frozen):
    """The same movement, light, noise and surroundings, to the last level, though the target has been changed."""
    genuine, fake = frozen.films[0::2], frozen.films[1::2]
    around = torch.ones(128, 128, dtype=torch.bool)
    around[20:-20, 20:-20] = False
    assert torch.equal(genuine[..., around], fake[..., around])
    middle = slice(56, 72)
    darker = genuine[..., middle, middle].float() - fake[..., middle, middle].float()
    assert darker.mean(dim=(1, 2, 3, 4)).min() > 10
    assert not torch.equal(genuine[0, 0], genuine[0, 1])  # it moves
    assert not torch.equal(genuine[0], genuine[1])


def test_every_piece_is_blended_in_its_own_way(monkeypatch):
    seen = []

    def film(still, frames, rng, recipe, manipulated):
        seen.append((recipe, rng.bit_generator.state, list(range(8))[manipulated]))
        return gray([100])

    monkeypatch.setattr(live, "film_of_face", film)
    live.frozen_set(2, seed=0)
    assert [part for _, _, part in seen] == [[], list(range(8))] * 2
    assert seen[0][:2] == seen[1][:2]
    assert seen[2][:2] == seen[3][:2]
    assert seen[0][0] != seen[2][0]
    assert seen[0][1] != seen[2][1]


def test_the_frozen_set_is_the_same_whenever_it_is_made(frozen, monkeypatch):
    monkeypatch.setattr(live, "FRAMES", 2)
    one, same, other = (live.frozen_set(1, seed) for seed in (5, 5, 6))
    assert torch.equal(one.films, same.films)
    assert torch.equal(one.genuine, same.genuine)
    assert not torch.equal(one.films, other.films)


# ---- versions


def network(seed):
    torch.manual_seed(seed)
    return ForgeryNet(widths=(4, 6, 8), blocks=(1, 1, 1)).eval()


def by_brightness(sign=1, seed=0, middle=110):
    """A `ForgeryNet` that takes bright pictures for manipulated ones, or for genuine ones, as nearly as its random features let it."""
    made, pooled = network(seed), []
    hook = made.answer.register_forward_pre_hook(lambda module, given: pooled.append(given[0]))
    with torch.no_grad():
        made(gray([middle - 40, middle + 40]).float() / 255)
        hook.remove()
        dark, light = pooled[0]
        weight = (light - dark) / (light - dark).square().sum() * 6
        made.answer[1].weight.copy_(sign * weight[None])
        made.answer[1].bias.copy_(-sign * (weight @ (light + dark) / 2)[None])
    return made


def frozen_by_hand(count=40):
    """Films of two frames whose brightness says what they are, and genuine pictures of which two in five are too bright."""
    levels = [[100 - row, 110 - row] if not row % 2 else [130 + row, 140 + row] for row in range(2 * count)]
    films = torch.stack([gray(pair, 32) for pair in levels])
    manipulated = torch.tensor([0.0, 1.0]).repeat(count)
    genuine = gray([60, 80, 90, 170, 180] * 60, 32)
    return live.FrozenSet(films, manipulated, genuine, [row // 2 for row in range(2 * count)])


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    made = pairs_of(list(GENUINE), list(FAKE), side=32)
    turned = pairs_of(list(FAKE), list(GENUINE), side=32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DEVICE", "cpu")
        networks = {"v1": (by_brightness(), made), "v2": (by_brightness(-1), turned), "v3": (by_brightness(), made)}
        yield live.make_versions(tmp_path_factory.mktemp("versions"), networks), networks


def test_versions_are_files_with_cards_and_profiles_and_the_first_is_live(versions):
    kept, networks = versions
    assert kept.live == "v1"
    assert kept.names() == ["v1", "v2", "v3"]
    for name, (network, made) in networks.items():
        loaded, profile = load_checkpoint(name, kept.folder), read_profile(name, kept.folder)
        assert profile.sha256 == read_card(name, kept.folder)["sha256"]
        assert loaded.arguments == network.arguments
        # Each is calibrated on its own pairs: genuine ones first, and scores that are high for fakes.
        expected = torch.cat([scores_of(network, made.genuine), scores_of(network, made.fake)])
        assert profile.reference["score"] == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-3)
        assert profile.reference["sharpness"] == sharpness(made.genuine.float() / 255).tolist()
        assert profile.calibration.cases == 12
        assert profile.calibration.slope > 0
        assert profile.scope == live.SCOPE


def test_pairs_the_wrong_way_around_are_no_calibration(tmp_path):
    with pytest.raises(ValueError, match=r"not higher for manipulated"):
        live.make_versions(tmp_path, {"v1": (by_brightness(), pairs_of(list(FAKE), list(GENUINE)))})


def test_a_version_is_measured_by_its_file_on_every_film(versions):
    kept, _ = versions
    frozen = frozen_by_hand()
    found = live.measure(kept, "v1", frozen)
    network = load_checkpoint("v1", kept.folder)
    expected = scores_of(network, frozen.films.flatten(0, 1)).reshape(-1, 2).mean(dim=1)
    assert found.scores == pytest.approx(expected.tolist(), abs=1e-5)
    assert found.manipulated == (False, True) * 40
    assert found.groups == tuple(frozen.whose)
    assert found.auc[0] == 1
    assert (found.films, found.faces) == (80, 300)
    assert found.alarms == (False, False, False, True, True) * 60
    assert found.sha256 == read_card("v1", kept.folder)["sha256"]
    assert live.measure(kept, "v2", frozen).auc[0] == 0


def test_both_versions_are_measured_on_one_and_the_same_set(versions, watch):
    kept, _ = versions
    scored = watch(live, "scores_of")
    frozen = frozen_by_hand()
    before = frozen.films.clone()
    decision = live.judge(kept, "v2", frozen)
    (_, films), (_, genuine), (_, films_again), (_, genuine_again) = (given for given, _ in scored.calls)
    assert torch.equal(films, films_again)
    assert torch.equal(films, before.flatten(0, 1))
    assert genuine is genuine_again is frozen.genuine
    assert (decision.candidate.name, decision.live.name) == ("v2", "v1")


def test_the_live_version_is_measured_once_for_several_candidates(versions, watch):
    kept, _ = versions
    frozen = frozen_by_hand()
    first = live.judge(kept, "v2", frozen)
    scored = watch(live, "scores_of")
    again = live.judge(kept, "v3", frozen, first.live)
    assert len(scored.calls) == 2  # films and genuine pictures of v3
    assert again.live is first.live
    assert again.differences == live.judge(kept, "v3", frozen).differences


def test_the_gate_lets_only_good_versions_through(versions):
    kept, _ = versions
    frozen = frozen_by_hand()
    refused = live.judge(kept, "v2", frozen)
    assert not refused.promote
    assert refused.reasons
    with pytest.raises(VersionError):
        kept.promote("v2", refused)
    assert kept.live == "v1"
    assert live.judge(kept, "v3", frozen).promote


def test_the_real_blends_can_be_calibrated_on():
    """What the lesson hands over fits: pairs of `blend.pairs`, of the side at which detectors look."""
    made = blend.pairs(live.pieces(2, ("coffee",), 0, 128).rgb, rng())
    assert scores_of(by_brightness(), made.genuine).shape == (2,)


# ---- a smaller version


def test_rounded_weights_take_few_values_and_stay_near():
    original = by_brightness()
    torch.nn.init.zeros_(original.where.bias)  # what is 0 must stay so, and be a number
    before = {key: value.clone() for key, value in original.state_dict().items()}
    for bits in (8, 4):
        changed = live.rounded(original, bits)
        assert not changed.training
        for (name, weight), (_, was) in zip(changed.named_parameters(), original.named_parameters(), strict=True):
            assert len(weight.unique()) <= 2**bits, name
            largest = was.abs().max()
            assert (weight - was).abs().max() <= largest / (2**bits - 2) + 1e-6, name
            assert weight.isfinite().all()
    assert all(torch.equal(value, before[key]) for key, value in original.state_dict().items())
    levels = gray([60, 140])
    near, coarse = (scores_of(live.rounded(original, bits), levels) for bits in (8, 3))
    exact = scores_of(original, levels)
    assert 0 < (near - exact).abs().max() < (coarse - exact).abs().max()
