"""The generator of NoGAN: a trained body, a head that begins without a checkerboard, and what both are for a checkpoint."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from course_lib.models import ShuffleUNet
from course_lib.models.checkpoints import load_checkpoint, write_checkpoint
from course_lib.models.pretrained import PretrainedError, weights_path
from course_lib.models.scene_classifier import MEAN, SPREAD, SceneClassifier
from course_lib.models.semantics import gray_rgb
from course_lib.models.shuffle_unet import IMAGENET_MEAN, IMAGENET_SPREAD

WIDTHS = (4, 6, 8)


def made(widths=WIDTHS, seed=0, **options):
    torch.manual_seed(seed)
    return ShuffleUNet(widths=widths, **options).eval()


def classifier(widths=WIDTHS, seed=7):
    """A classifier whose running statistics are not those of the beginning."""
    torch.manual_seed(seed)
    network = SceneClassifier(widths=widths)
    network(torch.rand(4, 3, 32, 32))
    return network.eval()


def lightness(count=2, size=(32, 48), seed=1):
    return 2 * torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(seed)) - 1


def count(weights):
    return sum(weight.numel() for weight in weights)


@pytest.mark.parametrize("size", [(32, 48), (16, 16), (30, 45), (37, 21), (50, 33)])
def test_any_side_will_do(size):
    ab = made()(lightness(2, size))
    assert ab.shape == (2, 2, *size)
    assert ab.isfinite().all()
    assert ab.abs().max() <= 1
    assert ab.std() > 1e-3


def test_the_answer_is_a_plain_tensor():
    """fastai's own kind of tensor would slow everything after it."""
    model, l = made(), lightness()  # noqa: E741 - l is the symbol of the field
    assert type(model(l)) is torch.Tensor
    assert type(model.to_ab(model(l))) is torch.Tensor
    assert model.to_ab(torch.tensor([0.5, -0.1])[None, :, None, None]).flatten().tolist() == pytest.approx([55, -11])


def test_evaluation_repeats_itself():
    model, l = made(), lightness()  # noqa: E741
    assert torch.equal(model(l), model(l))
    assert torch.allclose(model(l)[:1], model(l[:1]), atol=1e-5)  # whatever else is in the batch


def test_colors_stay_within_network_units():
    model = made()
    with torch.no_grad():
        for layer in model.unet.layers[-3:]:
            for weight in layer.parameters():
                weight.mul_(1000)
    ab = model(lightness())
    assert 0.9 < ab.abs().max() <= 1


# ---- the head


def test_all_pixels_of_a_shuffle_begin_equal():
    """The ICNR start: before it has learned anything, the head draws no checkerboard."""
    model, l, seen = made(), lightness(), []  # noqa: E741
    for layer in model.modules():
        if isinstance(layer, nn.PixelShuffle):
            layer.register_forward_hook(lambda layer, inputs, answer: seen.append(answer.detach()))
    model(l)
    assert len(seen) == len(WIDTHS)  # one for each halving of the body
    for answer in seen:
        assert answer.std() > 1e-3
        corners = [answer[..., row::2, column::2] for row in (0, 1) for column in (0, 1)]
        assert all(torch.allclose(corner, corners[0], atol=1e-6) for corner in corners)


def test_a_pixel_reaches_the_answer_at_full_resolution():
    """Ways across, and one from the picture itself: what changes is most where the lightness did."""
    model, l = made(), lightness(1, (64, 64))  # noqa: E741
    other = l.clone()
    other[..., 21, 40] += 0.5
    difference = (model(l) - model(other)).abs().sum(dim=1)[0]
    row, column = divmod(int(difference.argmax()), 64)
    assert abs(row - 21) <= 2
    assert abs(column - 40) <= 2


def test_without_its_ways_across_an_answer_knows_less():
    model, l = made(), lightness()  # noqa: E741
    whole = model(l)
    hooks = model.unet.sfs.hooks
    # Every halving but that of the picture itself, which the last layers get as it is.
    assert len(hooks) == len(WIDTHS) - 1
    blocks = [layer for layer in model.unet.layers if hasattr(layer, "shuf")]
    assert len(blocks) == len(hooks)
    for block in blocks:
        hook = block.bn.register_forward_hook(lambda layer, inputs, answer: torch.zeros_like(answer))
        assert (model(l) - whole).abs().max() > 1e-4
        hook.remove()
    assert torch.equal(model(l), whole)


# ---- the body


def test_the_body_is_taken_with_exactly_its_weights():
    trained, model = classifier(), made()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert model.take_body(trained) is model
    taken = trained.features.state_dict()
    after = model.state_dict()
    assert all(torch.equal(after[f"unet.layers.0.{name}"], value) for name, value in taken.items())
    rest = [name for name in before if not name.startswith("unet.layers.0.")]
    assert len(rest) + len(taken) == len(before)
    assert all(torch.equal(after[name], before[name]) for name in rest)
    with torch.no_grad():
        trained.features[0].weight.zero_()  # a copy, not the same weights
    assert not torch.equal(model.state_dict()["unet.layers.0.0.weight"], trained.features[0].weight)


def test_a_body_of_other_widths_is_refused():
    with pytest.raises(RuntimeError, match="size mismatch"):
        made().take_body(classifier((4, 6, 10)))


def test_the_body_sees_gray_pictures_as_it_saw_them_in_its_training():
    trained, model, l = classifier(), made(), lightness()  # noqa: E741
    model.take_body(trained)
    seen = []
    model.unet.layers[0].register_forward_hook(lambda layer, inputs, answer: seen.append(answer))
    model(l)
    assert torch.allclose(torch.as_tensor(seen[0]), trained.see(gray_rgb(l)), atol=1e-5)


def test_the_checkpoint_of_the_course_fits_the_small_network():
    trained = load_checkpoint("scenes-body")
    model = ShuffleUNet.for_cpu().take_body(trained)
    assert 250_000 < count(model.parameters()) < 330_000
    assert torch.equal(model.unet.layers[0][0].weight, trained.features[0].weight)
    assert model.unet.layers[0][0].weight.requires_grad


def test_body_and_head_are_all_that_there_is():
    model = made()
    body, head = model.groups
    assert {id(weight) for weight in body} == {id(weight) for weight in model.unet.layers[0].parameters()}
    everything = [id(weight) for weight in model.parameters()]
    assert sorted(id(weight) for weight in (*body, *head)) == sorted(everything)
    assert len(set(everything)) == len(everything)
    assert count(head) > count(body) > 0


def test_gradients_reach_every_weight():
    model = made().train()
    model(lightness()).square().mean().backward()
    assert all(weight.grad is not None for weight in model.parameters())
    convolutions = {name: weight for name, weight in model.named_parameters() if weight.ndim == 4}
    assert not [name for name, weight in convolutions.items() if weight.grad.abs().max() < 1e-12]


# ---- a ResNet as the body


def test_a_resnet_is_built_without_asking_the_network(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("something was fetched")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", refuse)
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    model, l, seen = made(resnet="resnet18"), lightness(1, (64, 64)), []  # noqa: E741
    assert model.arguments == {"widths": list(WIDTHS), "resnet": "resnet18"}
    assert (
        count(model.groups[0]) == 11_176_512
    )  # torchvision's ResNet-18 without its last layer, 512 x 1000 and 1000 biases
    model.unet.layers[0].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    assert model(l).shape == (1, 2, 64, 64)
    mean, spread = (torch.tensor(values)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_SPREAD))
    assert torch.allclose(torch.as_tensor(seen[0]), (gray_rgb(l) - mean) / spread, atol=1e-6)


def test_the_small_body_gets_its_own_normalization():
    model, l, seen = made(), lightness(), []  # noqa: E741
    model.unet.layers[0].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    model(l)
    assert torch.allclose(torch.as_tensor(seen[0]), (gray_rgb(l) - MEAN) / SPREAD, atol=1e-6)


# ---- a checkpoint


def test_what_was_saved_comes_back(tmp_path):
    model = made()
    model.train()(lightness(4))  # running statistics that are not those of the beginning
    card = {"network": {"class": "ShuffleUNet", "arguments": model.arguments}}
    write_checkpoint("tiny", model, card, tmp_path)
    loaded, l = load_checkpoint("tiny", tmp_path), lightness()  # noqa: E741
    assert type(loaded) is ShuffleUNet
    assert not loaded.training
    for key, value in model.state_dict().items():
        assert torch.allclose(loaded.state_dict()[key], value, rtol=2**-11, atol=1e-7), key
    assert torch.allclose(loaded(l), model.eval()(l), atol=0.02)
    assert F.mse_loss(loaded(l), made(seed=3)(l)) > 0.01


def test_two_networks_do_not_see_through_each_other():
    """What crosses is kept by hooks: those of one network must not hand over what another saw."""
    first, second, l = made(), made(seed=2), lightness()  # noqa: E741
    alone = first(l)
    second(lightness(seed=5))
    assert torch.equal(first(l), alone)


def test_a_trained_resnet_is_taken_from_this_machine_alone(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("something was fetched")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(
        PretrainedError, match=r"no weights of resnet18 on this machine.*on_resnet\(\"resnet18\", download=True"
    ):
        ShuffleUNet.on_resnet()
    resnet = torchvision.models.resnet18(weights=None)
    path = weights_path(torchvision.models.ResNet18_Weights.DEFAULT)
    path.parent.mkdir(parents=True)
    torch.save(resnet.state_dict(), path)
    body = ShuffleUNet.on_resnet().unet[0]
    assert torch.equal(body[0].weight, resnet.conv1.weight)
    assert torch.equal(body[-1][-1].conv2.weight, resnet.layer4[-1].conv2.weight)
