"""The networks that compare pictures: which of their layers answer, where gradients go, and that nothing is fetched unasked."""

import re
import socket

import pytest
import torch
import torchvision
from torch import nn

from course_lib.models import features
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.models.features import (
    OWN_LAYERS,
    VGG_LAYERS,
    PictureFeatures,
    find_features,
    random_features,
    scene_features,
    vgg_features,
    vgg_path,
)
from course_lib.models.pretrained import PretrainedError


def pictures(count=2, size=(32, 40), seed=0):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


def tiny(chosen=(2, 4), **options):
    """Two convolutions with statistics of their own, each with a ReLU that writes into its input."""
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 5, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
    )
    layers(pictures(4))
    return PictureFeatures("tiny", layers, chosen, **options)


# ---- layers


def test_vgg_answers_from_the_last_relu_before_each_of_its_last_three_pools():
    with torch.device("meta"):  # shapes without weights
        layers = torchvision.models.vgg16_bn().features
    pools = [place for place, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)]
    assert len(pools) == 5
    assert tuple(pool - 1 for pool in pools[-3:]) == VGG_LAYERS
    assert all(isinstance(layers[place], nn.ReLU) for place in VGG_LAYERS)


def test_the_own_network_answers_from_the_last_relu_at_three_resolutions():
    layers = load_checkpoint(features.OWN).features
    starts = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)]
    assert len(starts) == 5
    ends = [start - 1 for start in starts[1:]]  # of all resolutions but the last
    assert tuple(ends[-3:]) == OWN_LAYERS
    assert all(isinstance(layers[place], nn.ReLU) for place in OWN_LAYERS)
    sides = [answer.shape[-2:] for answer in scene_features()(pictures(1, (64, 96)))]
    assert sides == [(16, 24), (8, 12), (4, 6)]


def test_the_chosen_layers_answer_in_their_order():
    network, rgb = tiny(), pictures()
    answers = network(rgb)
    assert len(answers) == 2
    x = (rgb - 0.45) / 0.25  # the default: what `SceneClassifier` expects
    for place, layer in enumerate(network.layers):
        x = layer(x)
        if place in (2, 4):
            assert torch.equal(answers[(2, 4).index(place)], x)
    assert len(network.layers) == 5  # what no answer needs is left out


def test_an_answer_is_not_overwritten_by_what_follows():
    """The chosen layer before a ReLU that would write into it."""
    first, both = tiny((1,)), tiny((1, 2))
    rgb = pictures()
    assert torch.equal(both(rgb)[0], first(rgb)[0])
    assert both(rgb)[0].min() < 0 <= both(rgb)[1].min()


def test_pictures_are_normalized_channel_by_channel():
    rgb = pictures()
    mean, spread = (0.1, 0.2, 0.3), (0.5, 1.0, 2.0)
    changed = (rgb - torch.tensor(mean)[:, None, None]) / torch.tensor(spread)[:, None, None]
    for one, other in zip(tiny(mean=mean, spread=spread)(rgb), tiny(mean=0.0, spread=1.0)(changed), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_own_network_sees_what_its_classifier_sees():
    rgb, classifier = pictures(), load_checkpoint(features.OWN)
    seen = []
    classifier.features[OWN_LAYERS[-1]].register_forward_hook(lambda layer, inputs, answer: seen.append(answer))
    classifier(rgb)
    assert torch.allclose(scene_features()(rgb)[-1], seen[0], atol=1e-5)


# ---- frozen


def test_gradients_go_through_and_stay_nowhere():
    network, rgb = tiny(), pictures().requires_grad_()
    sum(answer.square().sum() for answer in network(rgb)).backward()
    assert rgb.grad.abs().max() > 0
    assert all(weight.grad is None and not weight.requires_grad for weight in network.parameters())


def test_training_leaves_it_as_it_is():
    network, rgb = tiny(), pictures()
    before = [answer.clone() for answer in network(rgb)]
    statistics = network.layers[1].running_mean.clone()
    nn.Sequential(network).train()
    assert all(torch.equal(*pair) for pair in zip(network(rgb), before, strict=True))
    assert torch.equal(network.layers[1].running_mean, statistics)


def test_random_weights_are_always_the_same_and_touch_no_other_chance():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = random_features()
    assert torch.equal(torch.rand(4), expected)
    rgb = pictures()
    for again, same in ((random_features(), True), (random_features(seed=1), False), (scene_features(), False)):
        equal = all(torch.equal(*pair) for pair in zip(first(rgb), again(rgb), strict=True))
        assert equal == same
    assert first.name == "random weights"


# ---- which one there is


class TinyVgg(nn.Module):
    """In the place of the 528 MB: as many layers, with few channels."""

    def __init__(self):
        super().__init__()
        widths = [4, 4, "M", 4, 4, "M", 6, 6, 6, "M", 6, 6, 6, "M", 8, 8, 8, "M"]
        self.features = torchvision.models.vgg.make_layers(widths, batch_norm=True)
        self.classifier = nn.Linear(8, 2)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder for what torch fetches, and a small network in the place of VGG."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torchvision.models, "vgg16_bn", TinyVgg)
    assert vgg_path().parent == tmp_path / "hub" / "checkpoints"
    return tmp_path


@pytest.fixture
def nobody_fetches(monkeypatch):
    """Whoever asks the network fails the test."""

    def refuse(*arguments, **options):
        raise AssertionError("something asked the network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def cached():
    """Weights where torchvision keeps them; returns the network that they are from."""
    torch.manual_seed(5)
    network = TinyVgg()
    network.features(pictures(4, (64, 64)))  # running statistics that are not those of the beginning
    vgg_path().parent.mkdir(parents=True)
    torch.save(network.state_dict(), vgg_path())
    return network.eval()


def test_the_file_has_the_name_that_torchvision_gives_it():
    assert re.fullmatch(r"vgg16_bn-[0-9a-f]{8}\.pth", vgg_path().name)


def test_without_weights_the_own_network_compares_and_nothing_is_asked(home, nobody_fetches):
    found, sentence = find_features()
    assert found.name == features.OWN == "scenes-features"
    assert "no weights of VGG-16" in sentence
    assert f"{read_card(features.OWN)['metrics']['accuracy']:.0%}" in sentence
    own = load_checkpoint(features.OWN).features.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in found.layers.state_dict().items())
    with pytest.raises(PretrainedError, match="no weights of VGG-16 on this machine") as error:
        vgg_features()
    assert features.IN_FULL in str(error.value)


def test_the_sentence_names_a_call_that_fetches_the_other(home, monkeypatch):
    asked = []

    def fetch(url, path, *arguments, **options):
        asked.append((url, options))
        torch.save(TinyVgg().state_dict(), path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", fetch)
    module, _, call = find_features()[1].split(": ")[-1].rpartition(".")
    assert not asked
    assert module == features.__name__
    found, sentence = eval(call, vars(features))
    assert found.name == "VGG-16 with batch norm"
    assert "ImageNet" in sentence
    assert [url for url, _ in asked] == [torchvision.models.VGG16_BN_Weights.IMAGENET1K_V1.url]


def test_weights_on_this_machine_are_used_as_torchvision_says(home, nobody_fetches):
    network = cached()
    found, sentence = find_features()
    assert found.name == "VGG-16 with batch norm"
    assert "VGG-16" in sentence
    rgb = pictures(2, (64, 64))
    transform = torchvision.models.VGG16_BN_Weights.IMAGENET1K_V1.transforms()
    x = (rgb - torch.tensor(transform.mean)[:, None, None]) / torch.tensor(transform.std)[:, None, None]
    expected = []
    for place, layer in enumerate(network.features):
        x = layer(x)
        if place in VGG_LAYERS:
            expected.append(x.clone())
    for answer, truth in zip(found(rgb), expected, strict=True):
        assert torch.allclose(answer, truth, atol=1e-5)


@pytest.mark.parametrize("damage", ["cut", "empty", "other network"])
def test_a_damaged_file_is_named(home, nobody_fetches, damage):
    cached()
    content = vgg_path().read_bytes()
    if damage == "other network":
        torch.save(nn.Linear(2, 2).state_dict(), vgg_path())
    else:
        vgg_path().write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    with pytest.raises(PretrainedError, match=re.escape(f"Remove {vgg_path()} and try again")):
        find_features()


def test_a_pickle_in_the_place_of_the_weights_does_not_run(home, nobody_fetches, tmp_path):
    class Malicious:
        def __reduce__(self):
            import os

            return os.mkdir, (str(tmp_path / "run"),)

    cached()
    torch.save({"features.0.weight": Malicious()}, vgg_path())
    with pytest.raises(PretrainedError):
        find_features()
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_fetched_is_an_error_that_says_so(home, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(PretrainedError, match=r"cannot be fetched or read: Network is unreachable"):
        find_features(download=True)
