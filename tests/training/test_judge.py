"""The classifiers of scenes: some see color pictures, some gray ones, and all are the same in every training."""

from types import SimpleNamespace

import pytest
import torch

from course_lib import color
from course_lib.data.labeled import LabeledPictures
from course_lib.models.checkpoints import read_card
from course_lib.training import judge
from course_lib.training.judge import JUDGES, PrepareColors, train_judge
from course_lib.training.photographs import resize


def pictures(count, seed):
    """Noise, light at the top in the pictures of class 0 and at the bottom in those of class 1."""
    source = torch.Generator().manual_seed(seed)
    rgb = torch.randint(100, (count, 3, 48, 48), generator=source)
    labels = torch.arange(count) % 2
    rgb[labels == 0, :, :24] += 150
    rgb[labels == 1, :, 24:] += 150
    return LabeledPictures(rgb.byte(), labels, ("top", "bottom"), [str(place) for place in range(count)])


def prepared(rgb, gray, training=True, epoch=0, step=0):
    """What a classifier gets of a batch."""
    prepare = PrepareColors(gray)
    prepare.learn = SimpleNamespace(
        xb=(rgb,), training=training, epoch=epoch, iter=step, dls=SimpleNamespace(train=range(10))
    )
    prepare.before_batch()
    return prepare.learn.xb[0]


def test_some_see_colors_and_some_see_none():
    assert {name: judge.gray for name, judge in JUDGES.items()} == {
        "scenes-classifier": False,
        "scenes-semantics": True,
        "scenes-features": False,
        "scenes-body": True,
    }
    rgb = pictures(4, 0).rgb
    for training in (True, False):
        colored, gray = (prepared(rgb, gray, training) for gray in (False, True))
        assert colored.shape == gray.shape == (4, 3, 96, 96)
        assert (colored[:, 0] - colored[:, 1]).abs().mean() > 0.05
        assert (gray - gray[:, :1]).abs().max() < 1e-3
        assert 0 <= gray.min() < gray.max() <= 1


def test_validation_pictures_are_whole_and_of_their_own_lightness():
    rgb = pictures(4, 0).rgb
    whole = resize(rgb / 255, 96)
    assert torch.equal(prepared(rgb, False, training=False), whole)
    assert torch.allclose(prepared(rgb, True, training=False), color.without_color(whole), atol=1e-3)


@pytest.mark.parametrize("gray", [False, True])
def test_training_pictures_depend_on_epoch_and_step_alone(gray):
    rgb = pictures(8, 0).rgb
    first = prepared(rgb, gray, epoch=1, step=2)
    torch.manual_seed(5)
    assert torch.equal(first, prepared(rgb, gray, epoch=1, step=2))
    for epoch, step in ((1, 3), (0, 2)):
        assert not torch.equal(first, prepared(rgb, gray, epoch=epoch, step=step))


def test_gray_pictures_are_brightened_or_darkened_in_training():
    """With what an exposure adds, their mean moves by more than a crop moves it."""
    rgb = torch.full((32, 3, 48, 48), 128, dtype=torch.uint8)
    means = prepared(rgb, True).mean(dim=(1, 2, 3))
    assert means.std() > 0.02
    assert prepared(rgb, False).mean(dim=(1, 2, 3)).std() < 1e-4


@pytest.mark.parametrize("name", JUDGES)
def test_a_judge_learns_what_can_be_told_apart_and_learns_the_same_again(name, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")
    monkeypatch.setattr(judge, "SIDE", 32)
    monkeypatch.setattr(judge, "BATCH_SIZE", 16)
    small = judge.Judge(gray=JUDGES[name].gray, widths=(8, 8))
    model, history = train_judge(small, pictures(96, 1), pictures(32, 2), name, epochs=2)
    assert model.arguments == {"classes": 2, "widths": [8, 8]}
    assert len(history) == 2
    assert history[-1][1] < history[0][1]
    again, same = train_judge(small, pictures(96, 1), pictures(32, 2), name, epochs=2)
    assert same == history
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in model.state_dict().items())
    assert name in capsys.readouterr().out


@pytest.mark.parametrize("name", JUDGES)
def test_the_committed_judges_are_those_of_the_command(name):
    card = read_card(name)
    assert card["network"]["arguments"]["widths"] == list(JUDGES[name].widths)
    assert card["command"].split()[:3] == ["python", "-m", "course_lib.training.judge"]
    assert card["metrics"]["split"] == "validation"
    assert card["metrics"]["accuracy"] > 0.8
    assert card["budget"] == {
        "epochs": judge.EPOCHS,
        "side": judge.SIDE,
        "batch_size": judge.BATCH_SIZE,
        "rate": judge.RATE,
    }
