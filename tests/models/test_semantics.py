"""What is in a gray picture: the encoders see what they were trained to see, stay as they are, and nothing is fetched unasked."""

import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from course_lib import color
from course_lib.data import photo
from course_lib.models import encoders
from course_lib.models.checkpoints import load_checkpoint, read_card
from course_lib.models.encoders import EncoderError, find_encoder, scene_encoder
from course_lib.models.semantics import INCEPTION, InceptionEmbedding, SceneEmbedding, gray_rgb
from tests.offline import offline_environment


def lightness(count=2, size=(64, 48), seed=0):
    """Noise in network units: (count, 1, *size)."""
    return 2 * torch.rand(count, 1, *size, generator=torch.Generator().manual_seed(seed)) - 1


def moved(model):
    """A network whose running statistics are not those of the beginning: in training they would move again."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.5, 0.5)
            layer.running_var.uniform_(0.5, 2)
    return model


# ---- gray pictures


def test_gray_in_is_gray_out():
    gray = torch.linspace(0, 1, 101)[None, None, None].expand(1, 3, 4, -1)
    l, _ = color.normalize(color.rgb_to_lab(gray))  # noqa: E741 - l is the symbol of the field
    assert torch.allclose(gray_rgb(l), gray, atol=2e-4)


def test_black_white_and_middle_gray_by_hand():
    rgb = gray_rgb(torch.tensor([-1.0, 0.0, 1.0])[None, None, None])
    assert rgb.shape == (1, 3, 1, 3)
    for channel in rgb[0, :, 0]:
        assert channel.tolist() == pytest.approx([0, 0.4663, 1], abs=1e-3)  # L = 50 is 119 of 255


def test_gray_is_exact_in_reduced_precision_too():
    l = lightness()  # noqa: E741
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = gray_rgb(l)
    assert reduced.dtype == torch.float32
    assert torch.equal(reduced, gray_rgb(l))


# ---- the course's own encoder


def test_the_embedding_is_what_the_classifier_answers_from():
    """As it sees a picture in training and validation: whoever forgets to normalize gets other numbers."""
    encoder, classifier, l = scene_encoder(), load_checkpoint(encoders.OWN), lightness()  # noqa: E741
    assert torch.allclose(classifier.answer[-1](encoder(l)), classifier(gray_rgb(l)), atol=1e-4)
    assert encoder(l).shape == (2, encoder.length) == (2, 64)


def test_the_checkpoint_names_gray_photographs(course_data):
    """The accuracy of its card, from the embedding of photographs at the side of the training."""
    from course_lib.data.datasets import scenes
    from course_lib.training.photographs import resize

    encoder, classifier, card = scene_encoder(), load_checkpoint(encoders.OWN), read_card(encoders.OWN)
    pictures, right = scenes("validation"), 0
    for rgb, labels in zip(pictures.rgb.split(64), pictures.labels.split(64), strict=True):
        l, _ = color.normalize(color.rgb_to_lab(resize(rgb / 255, card["budget"]["side"])))  # noqa: E741
        right += int((classifier.answer[-1](encoder(l)).argmax(dim=1) == labels).sum())
    assert right / len(pictures) == pytest.approx(card["metrics"]["accuracy"], abs=0.01)


def test_an_embedding_depends_on_its_own_picture_alone():
    torch.manual_seed(0)
    encoder, l = moved(SceneEmbedding(classes=3, widths=(4, 8))), lightness(4)  # noqa: E741
    together = encoder(l)
    for one, alone in zip(together, l, strict=True):
        assert torch.allclose(encoder(alone[None])[0], one, atol=1e-6)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


@pytest.mark.parametrize("size", [(32, 32), (64, 48), (37, 53)])
def test_an_embedding_has_its_length_at_every_size(size):
    encoder = SceneEmbedding(classes=3, widths=(4, 6))
    assert encoder.length == 6
    assert encoder(lightness(3, size)).shape == (3, 6)


@pytest.mark.parametrize("wrap", [lambda encoder: encoder, nn.Sequential], ids=["alone", "inside of another network"])
def test_training_leaves_an_encoder_as_it_is(wrap):
    encoder, l = moved(SceneEmbedding(classes=3, widths=(4, 8))), lightness(8).requires_grad_()  # noqa: E741
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    first = encoder(l)
    network = wrap(encoder).train()
    assert torch.equal(network(l), first)  # running statistics, not those of the batch
    assert not first.requires_grad
    assert not any(weight.requires_grad for weight in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())


# ---- Inception-ResNetV2


def cached(folder, weights):
    """A cache of the Hugging Face Hub in ``folder`` with these weights, as its client lays it out: the path of the file."""
    repository = folder / f"models--{encoders.REPOSITORY.replace('/', '--')}"
    path = repository / "snapshots" / "0123abcd" / encoders.FILE
    path.parent.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abcd")
    save_file(weights, path)
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the Hugging Face Hub."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def nobody_fetches(monkeypatch):
    """Whoever asks the network fails the test."""
    import socket

    def refuse(*arguments, **options):
        raise AssertionError("something asked the network")

    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_weights_in_the_cache_are_found_and_give_the_logits_of_timm(cache, nobody_fetches):
    """The real network, with random weights: about 56 million, published as 55.8."""
    import timm

    torch.manual_seed(0)
    network = timm.create_model(INCEPTION).eval()
    assert sum(weight.numel() for weight in network.parameters()) == 55_843_464
    assert network.pretrained_cfg["hf_hub_id"] == encoders.REPOSITORY
    cached(cache, network.state_dict())

    encoder, sentence = find_encoder()
    assert isinstance(encoder, InceptionEmbedding)
    assert encoder.length == 1000
    assert "Inception-ResNetV2" in sentence
    assert "1,000 numbers" in sentence
    gray = color.without_color(photo("chelsea"))[None]
    l, _ = color.normalize(color.rgb_to_lab(gray))  # noqa: E741
    seen = F.interpolate(gray, size=(299, 299), mode="bicubic", antialias=True).clamp(0, 1)
    with torch.no_grad():
        expected = network(2 * seen - 1)  # what TensorFlow's networks of that time expect
    answer = encoder.train()(l)
    assert answer.shape == (1, 1000)
    assert expected.std() > 1e-3
    assert torch.allclose(answer, expected, atol=0.01 * float(expected.std()))
    assert not any(weight.requires_grad for weight in encoder.parameters())


class Pooled(nn.Module):
    """A network with the interface of timm's: the mean of each channel, and a layer that drops in training."""

    num_classes = 3

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor([1.0, 2.0, 3.0]))
        self.norm = nn.BatchNorm2d(3)
        self.pretrained_cfg = {
            "input_size": (3, 20, 20),
            "interpolation": "bicubic",
            "mean": (0.5, 0.25, 0.5),
            "std": (0.5, 0.5, 0.25),
            "crop_pct": 0.9,
        }
        self.seen = []

    def forward(self, rgb):
        self.seen.append(rgb)
        return self.norm(rgb).mean(dim=(2, 3)) * self.factor


@pytest.fixture
def tiny(monkeypatch):
    """In the place of the 220 MB."""
    import timm

    monkeypatch.setattr(timm, "create_model", lambda name, **options: Pooled())


def test_the_network_sees_the_whole_picture_as_its_configuration_says(tiny):
    encoder = InceptionEmbedding()
    l = torch.full((2, 1, 60, 40), -0.2)  # noqa: E741
    l[:, :, :, 20:] = 0.6
    l[1] = -l[1]
    encoder(l)
    (rgb,) = encoder.network.seen
    assert rgb.shape == (2, 3, 20, 20)
    gray = gray_rgb(l)[:, :, 30, [2, 37]]
    mean, spread = torch.tensor([0.5, 0.25, 0.5])[:, None], torch.tensor([0.5, 0.5, 0.25])[:, None]
    for side in (slice(0, 1), slice(19, 20)):  # nothing is cropped at the edges
        assert torch.allclose(rgb[:, :, 10, side], (gray[:, :, [side.start // 19]] - mean) / spread, atol=1e-2)


def test_fine_stripes_are_smoothed_and_not_skipped(tiny):
    stripes = torch.tensor([-1.0, -1.0, 1.0, 1.0]).repeat(50).expand(1, 1, 200, 200)
    encoder = InceptionEmbedding()
    encoder(stripes)
    rgb = encoder.network.seen[0][:, 0] * 0.5 + 0.5
    assert (rgb - 0.5).abs().max() < 0.1  # without smoothing: all black or all white


def test_edges_do_not_shoot_beyond_black_and_white(tiny):
    l = torch.ones(1, 1, 20, 40)  # noqa: E741
    l[..., :21] = -1
    encoder = InceptionEmbedding()
    encoder(l)
    rgb = encoder.network.seen[0][:, 0] * 0.5 + 0.5
    assert rgb.min() == 0
    assert rgb.max() == 1


def test_training_leaves_inception_as_it_is(tiny):
    encoder = InceptionEmbedding()
    before = encoder(lightness())
    assert torch.equal(encoder.train()(lightness()), before)
    assert encoder.network.norm.num_batches_tracked == 0
    assert not before.requires_grad


def test_without_weights_the_own_encoder_is_used_and_nothing_asked(cache, nobody_fetches):
    encoder, sentence = find_encoder()
    assert isinstance(encoder, SceneEmbedding)
    assert "no weights of Inception-ResNetV2" in sentence
    assert "64 numbers" in sentence
    assert f"{read_card(encoders.OWN)['metrics']['accuracy']:.0%}" in sentence
    own = load_checkpoint(encoders.OWN).state_dict()
    assert all(torch.equal(value, own[name]) for name, value in encoder.classifier.state_dict().items())


def test_each_sentence_names_a_call_that_gives_the_other(cache, tiny, monkeypatch):
    """The calls are made, the second with a client that gives a file."""
    import huggingface_hub

    _, sentence = find_encoder()
    path = cached(cache / "elsewhere", Pooled().state_dict())
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repository, file: str(path))
    call = sentence.split(": ")[-1]
    other, back = run_call(call)
    assert isinstance(other, InceptionEmbedding)
    own = run_call(back.split(" is ")[-1].rstrip("."))
    assert isinstance(own, SceneEmbedding)


def run_call(call):
    """What a call with the full name of a function gives."""
    module, _, rest = call.rpartition(".")
    assert module == encoders.__name__
    return eval(rest, vars(encoders))


def test_a_damaged_file_is_named_and_the_own_encoder_used(cache, tiny, monkeypatch):
    import huggingface_hub

    path = cached(cache, Pooled().state_dict())
    path.write_bytes(path.read_bytes()[:-5])
    encoder, sentence = find_encoder()
    assert isinstance(encoder, SceneEmbedding)
    assert f"{path} is damaged. Delete it" in sentence
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda repository, file: str(path))
    with pytest.raises(EncoderError, match=r"is damaged\. Delete it"):
        find_encoder(download=True)


def test_weights_of_another_network_are_refused(cache, tiny):
    path = cached(cache, {"factor": torch.zeros(4)})
    _, sentence = find_encoder()
    assert f"{path} is damaged" in sentence


def test_a_pickle_in_the_place_of_the_weights_is_not_opened(cache, tiny):
    class Malicious:
        def __reduce__(self):
            return os.mkdir, (str(cache / "run"),)

    path = cached(cache, Pooled().state_dict())
    torch.save(Malicious(), path)
    torch.save(Malicious(), path.with_name("pytorch_model.bin"))
    encoder, _ = find_encoder()
    assert isinstance(encoder, SceneEmbedding)
    path.unlink()
    find_encoder()
    assert not (cache / "run").exists()


def test_what_cannot_be_fetched_is_an_error_that_says_what_to_do(tmp_path):
    """In a process of its own that no address answers."""
    code = (
        "from course_lib.models.encoders import EncoderError, find_encoder\n"
        "try:\n    find_encoder(download=True)\nexcept EncoderError as error:\n    print(error)"
    )
    env = offline_environment() | {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    said = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120).stdout
    assert "cannot be fetched from the Hugging Face Hub" in said
    assert "Check the network" in said
    assert "find_encoder()" in said


def test_without_download_an_unplugged_machine_waits_for_nothing(tmp_path):
    """The whole way in a process that can reach nothing, and timm is not imported for it."""
    code = (
        "import sys\nfrom course_lib.models.encoders import find_encoder\n"
        "print(find_encoder()[0].length, 'timm' in sys.modules)"
    )
    env = offline_environment() | {"HF_HOME": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert result.stdout.split() == ["64", "False"], result.stderr
    assert "etry" not in result.stderr
