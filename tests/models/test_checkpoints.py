"""Checkpoints: what was saved comes back, what was tampered with does not, and nothing in a file can run."""

import hashlib
import json
import os
import pickle

import pytest
import torch

from course_lib.models import (
    ColorfulNet,
    FusionNet,
    HintNet,
    HypercolumnRegressor,
    PatchDiscriminator,
    ShuffleUNet,
    UNetGenerator,
)
from course_lib.models.checkpoints import (
    CheckpointError,
    as_half,
    as_saved,
    load_checkpoint,
    read_card,
    write_checkpoint,
)
from course_lib.models.scene_classifier import SceneClassifier

MADE = [
    lambda: ColorfulNet(widths=(4, 4, 8, 8, 4)),
    lambda: ColorfulNet(widths=(4, 4, 8, 8, 4), outputs=2),
    lambda: HypercolumnRegressor(widths=(4, 4, 8, 8), depths=(1, 1, 1, 1), mixed=4, feature_norm=True, outputs=313),
    lambda: SceneClassifier(classes=3, widths=(4, 8)),
    lambda: HintNet(widths=(4, 4, 8, 8), decoder=(4, 4, 4), suggestions=True, strokes=True, palette=True),
    lambda: FusionNet(widths=[8] * 8, embedding=6, encoder={"classes": 3, "widths": [4, 6]}),
    lambda: FusionNet(widths=[8] * 8, embedding=6, classes=3),
    lambda: UNetGenerator(widths=(4, 6), dropped=0),
    lambda: PatchDiscriminator(widths=(4, 6), norm="spectral"),
    lambda: PatchDiscriminator(widths=(4, 6), kernel=1),
    lambda: ShuffleUNet(widths=(4, 6)),
]


def written(folder, model, name="tiny", **facts):
    network = {"class": type(model).__name__, "arguments": model.arguments}
    return write_checkpoint(name, model, {"network": network, **facts}, folder)


@pytest.fixture
def tiny(tmp_path):
    torch.manual_seed(0)
    model = ColorfulNet(widths=(4, 4, 8, 8, 4))
    model.train()(torch.rand(4, 1, 16, 16))  # running statistics that are not those of the beginning
    written(tmp_path, model)
    return tmp_path, model


@pytest.mark.parametrize("make", MADE)
def test_what_was_saved_comes_back(tmp_path, make):
    torch.manual_seed(0)
    model = make()
    written(tmp_path, model)
    loaded = load_checkpoint("tiny", tmp_path)
    assert type(loaded) is type(model)
    assert not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())
    for key, value in model.state_dict().items():
        again = loaded.state_dict()[key]
        assert again.dtype == value.dtype
        assert torch.allclose(again, value, rtol=2**-11, atol=1e-7), key  # eleven bits of half precision


def test_answers_are_those_of_the_rounded_weights(tiny):
    folder, model = tiny
    l = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(2))  # noqa: E741
    model.eval()
    original = model(l)
    model.load_state_dict(as_saved(model.state_dict()))
    assert torch.equal(load_checkpoint("tiny", folder)(l), model(l))
    assert torch.allclose(model(l), original, atol=0.02)


def test_variances_beyond_half_precision_stay_as_they_are(tmp_path):
    """Activations of several hundred, as deep blocks have, have variances that half precision does not reach."""
    model = ColorfulNet(widths=(4, 4, 4, 4, 4)).eval()
    with torch.no_grad():
        for norm in (module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)):
            norm.running_var.fill_(3e6)
    written(tmp_path, model)
    loaded = load_checkpoint("tiny", tmp_path)
    assert all(value.isfinite().all() for value in loaded.state_dict().values())
    assert torch.equal(loaded.state_dict()["blocks.3.6.running_var"], model.blocks[3][-1].running_var)


def test_what_is_kept_of_weights_does_not_move_on_with_them():
    """Counters and what half precision cannot hold are not the tensors of the network either."""
    weights = {"small": torch.ones(2), "large": torch.full((2,), 1e6), "count": torch.tensor(3)}
    kept = as_half(weights)
    for value in weights.values():
        value.mul_(2)
    assert kept["small"].tolist() == [1, 1]
    assert kept["large"].tolist() == [1e6, 1e6]
    assert kept["count"] == 3


def test_weights_take_two_bytes_each(tiny):
    folder, model = tiny
    weights = sum(value.numel() for value in model.state_dict().values())
    assert 2 * weights < (folder / "tiny.safetensors").stat().st_size < 2 * weights + 20_000


def test_the_card_keeps_what_it_was_given_and_describes_the_file(tmp_path):
    card = written(tmp_path, ColorfulNet(widths=(4, 4, 4, 4, 4)), seed=7)
    content = (tmp_path / "tiny.safetensors").read_bytes()
    assert read_card("tiny", tmp_path) == card
    assert card["seed"] == 7
    assert card["sha256"] == hashlib.sha256(content).hexdigest()
    assert card["bytes"] == len(content)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_file_that_is_not_that_of_its_card_is_refused(tiny, damage):
    path = tiny[0] / "tiny.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content if damage == "flip" else content[:-10])
    with pytest.raises(CheckpointError, match=r"not the file that its card describes.*git checkout"):
        load_checkpoint("tiny", tiny[0])


def test_a_name_that_is_not_there(tiny):
    folder, _ = tiny
    (folder / "results.json").write_text("{}")  # not every JSON file in the folder is a card
    with pytest.raises(CheckpointError, match=r"no checkpoint 'other'. There are: tiny\.$"):
        load_checkpoint("other", folder)
    with pytest.raises(CheckpointError, match="There are: none"):
        load_checkpoint("other", folder / "nowhere")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"sha256": "x"}'])
def test_a_card_that_is_none(tiny, text):
    (tiny[0] / "tiny.json").write_text(text)
    with pytest.raises(CheckpointError, match="no card of a checkpoint"):
        load_checkpoint("tiny", tiny[0])


@pytest.mark.parametrize(
    "network",
    [
        {"class": "os.system", "arguments": {}},
        {"class": "ColorfulNet", "arguments": {"depth": 3}},
        {"class": "ColorfulNet", "arguments": {"widths": [4, 4, 8, 16, 4]}},
        {"class": "ColorfulNet"},
    ],
)
def test_a_card_that_names_another_network(tiny, network):
    path = tiny[0] / "tiny.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"network": network}))
    with pytest.raises(CheckpointError, match="does not fit the network"):
        load_checkpoint("tiny", tiny[0])


class Malicious:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("dump", [lambda o, p: p.write_bytes(pickle.dumps(o)), torch.save])
def test_a_pickle_in_place_of_weights_does_not_run(tiny, dump):
    folder, _ = tiny
    path, card = folder / "tiny.safetensors", folder / "tiny.json"
    dump(Malicious(folder / "run"), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    card.write_text(json.dumps(json.loads(card.read_text()) | {"sha256": digest}))
    with pytest.raises(CheckpointError, match="does not fit the network"):
        load_checkpoint("tiny", folder)
    assert not (folder / "run").exists()


def test_checkpoints_that_are_committed_load_and_have_cards():
    from course_lib.models.checkpoints import FOLDER

    for path in sorted(FOLDER.glob("*.safetensors")):
        card = read_card(path.stem)
        assert card["command"].startswith("python -m course_lib.training")
        model = load_checkpoint(path.stem)
        assert card["network"]["parameters"] == sum(weight.numel() for weight in model.parameters())
