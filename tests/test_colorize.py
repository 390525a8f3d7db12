"""colorize and its command, with stand-in networks: what must hold whatever a network has learned."""

import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import course_lib
from course_lib import __main__ as command_line
from course_lib import bins, color, colorizing, files
from course_lib.color import PictureError
from course_lib.commands import options
from course_lib.data import photo, read_image, writing
from course_lib.hints import Hints, Point, colored_png, write_hints
from course_lib.models import ColorfulNet, HintNet, HypercolumnRegressor, checkpoints
from course_lib.models.checkpoints import CheckpointError, write_checkpoint
from course_lib.models.hint_net import HintAnswer
from course_lib.setup.environment import ROOT

SMALL = {"widths": [8, 8, 8, 8, 8], "outputs": bins.COUNT}
SMALL_HINTS = {"widths": [8, 8, 8, 8], "decoder": [8, 8, 8], "strokes": True, "palette": True}


class Paint(nn.Module):
    """Give every picture the same ab, in network units, at a quarter of its resolution."""

    def __init__(self, a, b):
        super().__init__()
        self.ab = nn.Parameter(torch.tensor([a, b]).float() / 110)
        self.seen = []

    def forward(self, l):  # noqa: E741 - l is the symbol of the field
        self.seen.append(tuple(l.shape))
        return self.ab[:, None, None].expand(len(l), 2, l.shape[2] // 4, l.shape[3] // 4)


class Waves(Paint):
    """Give colors that change from place to place, some of them beyond sRGB."""

    def forward(self, l):  # noqa: E741
        y, x = torch.meshgrid(
            torch.linspace(0, 9, l.shape[2] // 4), torch.linspace(0, 7, l.shape[3] // 4), indexing="ij"
        )
        return (torch.stack([y.sin(), x.cos()]) * 0.6 + self.ab[:, None, None]).expand(len(l), -1, -1, -1)


class Obey(HintNet):
    """Answer with the hints themselves, and gray where there are none."""

    def __init__(self):
        super().__init__(**SMALL_HINTS)
        self.seen = []

    def forward(self, l, ab=None, mask=None, strokes=None, palette=None):  # noqa: E741
        self.seen.append((tuple(l.shape), strokes, palette))
        return HintAnswer(l.expand(-1, 2, -1, -1) * 0 if ab is None else ab * mask, None)


RED = Paint(60, 40)
HINTS = Hints([Point(0.25, 0.75, 40, 20, 0.1)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with untrained checkpoints: a classifier as trained for the course, a network that takes hints, and a regressor."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoints")
    card = {"network": {"class": "ColorfulNet", "arguments": SMALL}}
    write_checkpoint("scenes-rebalanced", ColorfulNet(**SMALL), card, folder)
    torch.manual_seed(0)
    card = {"network": {"class": "HintNet", "arguments": SMALL_HINTS}}
    hinted = HintNet(**SMALL_HINTS)
    for layer in hinted.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(layer.weight)  # hints are heard at the end
    write_checkpoint("scenes-hints", hinted, card, folder)
    small = {"widths": [4, 4, 4], "depths": [1, 1, 1]}
    card = {"network": {"class": "HypercolumnRegressor", "arguments": small}}
    write_checkpoint("regressor", HypercolumnRegressor(**small), card, folder)
    return folder


@pytest.fixture
def installed(folder, monkeypatch):
    """The stand-ins in the place of the trained checkpoints."""
    monkeypatch.setattr(checkpoints, "FOLDER", folder)
    return folder


@pytest.fixture
def noise():
    """A picture of every lightness, (3, 37, 53): odd sides."""
    return torch.rand(3, 37, 53, generator=torch.Generator().manual_seed(1))


def lightness_change(after, before):
    return (color.to_gray(after) - color.to_gray(before)).abs().max().item()


# ---- the picture


def test_colorize_is_at_the_root(installed, noise):
    rgb = course_lib.colorize(noise)
    assert rgb.shape == noise.shape
    assert rgb.dtype == torch.float32
    assert 0 <= rgb.min() < rgb.max() <= 1


def test_importing_the_root_imports_nothing_else():
    code = "import course_lib, course_lib.__main__, sys; print(sorted({'torch', 'numpy', 'fastai', 'PIL'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_colorize_needs_no_fastai(folder, tmp_path):
    code = (
        "import course_lib, sys, torch; "
        f"course_lib.colorize(torch.rand(3, 9, 9), r'{folder / 'scenes-rebalanced.safetensors'}'); "
        "print('fastai' in sys.modules)"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_other_names_of_the_root_do_not_exist():
    with pytest.raises(AttributeError, match="colourize"):
        course_lib.colourize  # noqa: B018


@pytest.mark.parametrize("network", [RED, Paint(-80, 100), Waves(0, 0)], ids=["red", "beyond sRGB", "waves"])
def test_the_lightness_is_kept(noise, network):
    """Exactly in floats, but for the tolerance of the gamut; in 8 bits within a level's worth of rounding."""
    rgb = colorizing.colorize(noise, network)
    assert lightness_change(rgb, noise) < 0.01
    rounded = writing.to_bytes(rgb).movedim(-1, 0)
    assert lightness_change(rounded, noise) < 0.25
    assert color.rgb_to_lab(rgb)[1:].abs().amax() > 20  # it is a colored picture


def test_of_a_color_picture_only_the_lightness_counts(noise):
    gray = color.without_color(noise)
    assert (colorizing.colorize(noise, Waves(0, 0)) - colorizing.colorize(gray, Waves(0, 0))).abs().max() < 1e-3


def test_channels_are_red_green_blue(noise, tmp_path):
    rgb = colorizing.colorize(noise, RED)
    assert rgb[0].mean() > rgb[1].mean() + 0.2
    assert rgb[0].mean() > rgb[2].mean() + 0.2
    for name in ("red.png", "red.jpg", "red.webp", "red.tif"):
        writing.write_image(rgb, tmp_path / name)
        assert (read_image(tmp_path / name) - rgb).abs().mean() < 0.05


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 5), (33, 1000), (201, 99)])
def test_every_size_is_kept(size, installed):
    assert colorizing.colorize(torch.rand(3, *size)).shape == (3, *size)


def test_blocks_leave_no_seams():
    """The same as `color.join` makes of the whole picture; this one has 13 blocks, the last of which is shorter."""
    rgb = torch.rand(3, 411, 2000, generator=torch.Generator().manual_seed(2))
    lightness = color.to_gray(rgb)
    waves = Waves(0.2, -0.1)
    ab = colorizing.predict_ab(waves, colorizing.shrink(lightness[None], 128))
    assert len(colorizing.row_blocks(rgb)) == 13
    assert (colorizing.colorize(rgb, waves) - color.join(lightness, ab[0])).abs().max() < 1e-5


def test_a_batch_gives_what_its_pictures_give(installed):
    rgb = torch.rand(3, 3, 40, 60, generator=torch.Generator().manual_seed(3))
    together = colorizing.colorize(rgb)
    assert together.shape == rgb.shape
    for one, alone in zip(together, rgb, strict=True):
        assert (one - colorizing.colorize(alone)).abs().max() < 1e-4


def test_paths_pictures_and_arrays_are_the_same(noise, tmp_path):
    pixels = writing.to_bytes(noise).numpy()
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    expected = colorizing.colorize(tmp_path / "noise.png", Waves(0, 0))
    for image in (str(tmp_path / "noise.png"), (tmp_path / "noise.png").read_bytes(), Image.fromarray(pixels), pixels):
        assert torch.equal(colorizing.colorize(image, Waves(0, 0)), expected)
    with (tmp_path / "noise.png").open("rb") as file:
        assert torch.equal(colorizing.colorize(file, Waves(0, 0)), expected)


def test_gray_with_alpha_and_16_bit_work():
    gray = np.linspace(0, 1, 35).reshape(5, 7)
    expected = torch.from_numpy(gray).float().expand(3, -1, -1)
    wide = Image.fromarray((gray * 65535).round().astype(np.uint16))
    with_alpha = Image.fromarray((gray * 255).round().astype(np.uint8)).convert("LA")
    for image in (gray, wide, with_alpha):
        assert lightness_change(colorizing.colorize(image, RED), expected) < 0.3


def test_values_up_to_255_are_refused(noise):
    with pytest.raises(PictureError, match=r"0\.\.255"):
        colorizing.colorize(noise * 255, RED)


# ---- the network


@pytest.mark.parametrize(
    ("size", "side", "seen"),
    [
        ((300, 400), 128, (128, 168)),  # 170.7 is nearest to 168 among the multiples of 8
        ((40, 30), 128, (168, 128)),
        ((300, 400), 176, (176, 232)),
        ((100, 4000), 128, (16, 512)),  # a panorama: the longer side is 4 times 128
        ((1, 1), 128, (128, 128)),
        ((5000, 1), 64, (256, 8)),
    ],
)
def test_the_size_that_the_network_sees(size, side, seen):
    network = Paint(0, 0)
    colorizing.colorize(torch.rand(3, *size), network, side=side)
    assert network.seen == [(1, 1, *seen)]


def test_a_network_is_loaded_once(installed, noise, monkeypatch):
    loads = []
    load = checkpoints.load_checkpoint
    monkeypatch.setattr(checkpoints, "load_checkpoint", lambda *where: loads.append(where) or load(*where))
    colorizing._load.cache_clear()
    for _ in range(3):
        colorizing.colorize(noise)
    assert len(loads) == 1


def test_a_network_that_was_trained_anew_is_loaded_anew(folder, noise, tmp_path):
    for file in folder.iterdir():
        shutil.copy(file, tmp_path)
    path = tmp_path / "scenes-rebalanced.safetensors"
    first = colorizing.find_network(path)
    torch.manual_seed(1)
    write_checkpoint(
        "scenes-rebalanced", ColorfulNet(**SMALL), checkpoints.read_card("scenes-rebalanced", folder), tmp_path
    )
    os.utime(tmp_path / "scenes-rebalanced.json", ns=(1, 1))  # even where the clock is coarse
    assert colorizing.find_network(path) is not first
    assert colorizing.find_network(path) is colorizing.find_network(path)


@pytest.mark.parametrize("model", ["regressor", "scenes-rebalanced"])
def test_regressors_and_classifiers_give_colors(installed, model, noise):
    assert lightness_change(colorizing.colorize(noise, model), noise) < 0.01


def test_a_network_keeps_its_mode(noise):
    network = ColorfulNet(**SMALL).train()
    colorizing.colorize(noise, network)
    assert network.training


def test_a_network_without_colors_is_refused(noise):
    class Brightness(Paint):
        def forward(self, l):  # noqa: E741
            return l

    with pytest.raises(ValueError, match="no color maps"):
        colorizing.colorize(noise, Brightness(0, 0))


def test_a_missing_checkpoint_says_which_there_are(installed, noise):
    with pytest.raises(CheckpointError, match="regressor"):
        colorizing.colorize(noise, "scenes-pastel")


def test_temperature_runs_from_the_mode_to_the_mean(noise):
    """A network that is sure of nothing: 60 % for one bin, 40 % for another."""

    class Undecided(nn.Module):
        def __init__(self):
            super().__init__()
            logits = torch.full((bins.COUNT,), -1e4)
            self.places = [bins.AB_BINS.tolist().index(list(ab)) for ab in ((20.0, 10.0), (-20.0, 30.0))]
            logits[self.places] = torch.tensor([0.6, 0.4]).log()
            self.logits = nn.Parameter(logits)

        def forward(self, l):  # noqa: E741
            return self.logits[:, None, None].expand(len(l), -1, l.shape[2] // 4, l.shape[3] // 4)

        to_ab = staticmethod(bins.annealed_mean)

    middle = torch.full((3, 8, 8), 0.5)  # where both colors are within sRGB

    def ab(temperature):
        return color.rgb_to_lab(colorizing.colorize(middle, Undecided(), temperature=temperature))[1:, 4, 4].tolist()

    assert ab(1e-3) == pytest.approx([20, 10], abs=0.01)
    assert ab(1) == pytest.approx([0.6 * 20 - 0.4 * 20, 0.6 * 10 + 0.4 * 30], abs=0.01)
    share = 1 / (1 + (0.4 / 0.6) ** (1 / 0.38))
    assert ab(0.38) == pytest.approx([20 * share - 20 * (1 - share), 10 * share + 30 * (1 - share)], abs=0.01)


@pytest.mark.parametrize("temperature", [0, -1, 1e-9, float("nan"), float("inf")])
def test_impossible_temperatures_are_refused(noise, temperature):
    with pytest.raises(ValueError, match="temperature"):
        colorizing.colorize(noise, RED, temperature=temperature)


def test_impossible_sides_are_refused(noise):
    for side in (0, 4, 99.5):
        with pytest.raises(ValueError, match="side"):
            colorizing.colorize(noise, RED, side=side)


def test_predict_agrees_with_colorize():
    """Two ways to a picture, which differ in the size that the network sees: here none."""
    from course_lib.training import predict

    rgb = torch.rand(3, 128, 160, generator=torch.Generator().manual_seed(4))
    assert (predict(Waves(0, 0), rgb) - colorizing.colorize(rgb, Waves(0, 0))).abs().max() < 1e-5


# ---- hints


@pytest.fixture
def middle():
    """A gray picture of medium lightness, where every color of the hints is within sRGB: (3, 96, 160)."""
    return torch.full((3, 96, 160), 0.5)


def ab_at(rgb, row, column):
    """The color of a picture at a place, natural units."""
    height, width = rgb.shape[-2:]
    return color.rgb_to_lab(rgb)[1:, int(row * height), int(column * width)].tolist()


def test_a_point_is_at_its_place_in_its_color_and_nowhere_else(middle):
    """From the hint through the units and the size of the network back to the full resolution."""
    rgb = colorizing.colorize(middle, Obey(), HINTS)
    assert rgb.shape == middle.shape
    assert ab_at(rgb, 0.25, 0.75) == pytest.approx([40, 20], abs=4)
    chroma = color.rgb_to_lab(rgb)[1:].norm(dim=0)
    rows, columns = (chroma > 5).nonzero(as_tuple=True)
    assert abs((rows.min() + rows.max() + 1).item() / 2 / 96 - 0.25) < 0.01
    assert abs((columns.min() + columns.max() + 1).item() / 2 / 160 - 0.75) < 0.01
    assert rows.max() - rows.min() < 14


@pytest.mark.parametrize("size", [(64, 64), (300, 90), (37, 211)])
@pytest.mark.parametrize("side", [64, 128])
def test_a_point_keeps_its_place_at_every_size(size, side):
    hints = Hints([Point(0.7, 0.2, -30, 30, 0.2)])
    rgb = colorizing.colorize(torch.full((3, *size), 0.5), Obey(), hints, side=side)
    assert ab_at(rgb, 0.7, 0.2) == pytest.approx([-30, 30], abs=3)
    assert ab_at(rgb, 0.2, 0.7) == pytest.approx([0, 0], abs=3)


def test_the_lightness_is_kept_with_hints_too(installed, noise):
    colorful = Hints([Point(0.5, 0.5, 100, 60, 1)])  # beyond sRGB at most lightnesses
    for network in (Obey(), "scenes-hints"):
        assert lightness_change(colorizing.colorize(noise, network, colorful), noise) < 0.01


def test_hints_choose_a_network_that_takes_them(installed, noise):
    by_name = colorizing.colorize(noise, "scenes-hints", HINTS)
    assert torch.equal(colorizing.colorize(noise, hints=HINTS), by_name)
    assert torch.equal(colorizing.colorize(noise, hints=Hints()), colorizing.colorize(noise, "scenes-hints"))
    assert torch.equal(colorizing.colorize(noise), colorizing.colorize(noise, "scenes-rebalanced"))
    assert (by_name - colorizing.colorize(noise, "scenes-hints")).abs().max() > 1e-4


def test_what_is_not_said_is_left_out(middle):
    """Strokes and palette that are not there, so that a network which takes none follows points all the same."""
    network = Obey()
    colorizing.colorize(middle, network, HINTS)
    colorizing.colorize(middle, network, Hints(strokes=[[(0, 0), (1, 1)]], palette=[(50, 0)]))
    (_, strokes, palette), (shape, drawn, told) = network.seen
    assert strokes is None
    assert palette is None
    assert drawn.shape == shape == (1, 1, 128, 216)
    assert drawn.sum() >= 216
    assert told.shape == (1, 314)
    assert told[0, -1] == 1
    plain = HintNet(widths=(4, 4, 4, 4), decoder=(4, 4, 4))
    colorizing.colorize(middle, plain, HINTS)
    with pytest.raises(ValueError, match="takes no palette"):
        colorizing.colorize(middle, plain, Hints(palette=[(50, 0)]))


def test_hints_are_for_one_picture(middle):
    assert colorizing.colorize(middle[None], Obey(), HINTS).shape == (1, 3, 96, 160)
    with pytest.raises(ValueError, match=r"for one picture, got 2\. Colorize them one by one"):
        colorizing.colorize(torch.stack([middle, middle]), Obey(), HINTS)


def test_a_network_that_takes_no_hints_says_which_does(installed, middle):
    with pytest.raises(ValueError, match=r"A ColorfulNet takes no hints\. Use a HintNet such as scenes-hints"):
        colorizing.colorize(middle, "scenes-rebalanced", HINTS)
    with pytest.raises(ValueError, match="A Paint takes no hints"):
        colorizing.colorize(middle, RED, Hints())


@pytest.mark.parametrize("hints", [[], [Point(0.5, 0.5, 0, 0)], Point(0.5, 0.5, 0, 0), "hints.json", {}, False])
def test_hints_of_another_type_are_refused(noise, hints):
    with pytest.raises(ValueError, match=rf"Hints, got {type(hints).__name__}\. read_hints reads a file"):
        colorizing.colorize(noise, Obey(), hints)


def test_the_trained_network_follows_a_point():
    """Whatever it has learned beside: where a point stands, its hue comes, more than far away, to where it is carried."""
    gray = color.without_color(photo("chelsea"))
    plain = colorizing.colorize(gray, "scenes-hints")
    for ab in ((45, 25), (-35, 30), (20, -45)):
        # A quarter of the picture away from its middle, and of a size that is easy to see.
        told = colorizing.colorize(gray, hints=Hints([Point(0.3, 0.3, *ab, 0.07)]))
        assert lightness_change(told, gray) < 0.01
        change = (color.rgb_to_lab(told) - color.rgb_to_lab(plain))[1:]
        toward = (change * torch.tensor(ab)[:, None, None]).sum(dim=0) / np.hypot(*ab)
        height, width = toward.shape
        row, column = int(0.3 * height), int(0.3 * width)
        here = toward[row - 4 : row + 5, column - 4 : column + 5].mean().item()
        there = toward[int(0.8 * height) :, int(0.8 * width) :].mean().item()
        assert here > 10
        assert here > 1.15 * abs(there)


# ---- the command


def run(*arguments):
    return command_line.main(["colorize", *map(str, arguments)])


def save(path, size=(40, 30), seed=0, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, **options)
    return path


@pytest.mark.parametrize("name", ["out.jpg", "out.JPEG", "out.png", "out.webp", "out.tif"])
def test_one_picture(installed, tmp_path, name, capsys):
    source = save(tmp_path / "in.png")
    assert run(source, tmp_path / "new" / "folders" / name) == 0
    assert Image.open(tmp_path / "new" / "folders" / name).size == (40, 30)
    assert "Wrote 1 of 1" in capsys.readouterr().out


def test_the_command_gives_what_colorize_gives(installed, tmp_path):
    source = save(tmp_path / "in.png")
    assert run(source, tmp_path / "out.png", "--model", "regressor", "--side", "64") == 0
    assert run(source, tmp_path / "warm.png", "--temperature", "0.01") == 0
    for name, rgb in (
        ("out.png", colorizing.colorize(source, "regressor", side=64)),
        ("warm.png", colorizing.colorize(source, temperature=0.01)),
    ):
        assert (read_image(tmp_path / name) - rgb).abs().max() <= 0.5 / 255 + 1e-6


def test_defaults_are_those_of_colorize():
    parameters = inspect.signature(colorizing.colorize).parameters
    assert parameters["temperature"].default == options.TEMPERATURE
    assert parameters["side"].default == options.SIDE


@pytest.mark.parametrize("name", ["hints.json", "hints.png"])
def test_the_command_follows_hints(installed, tmp_path, name):
    source = save(tmp_path / "in.png")
    if name == "hints.json":
        write_hints(HINTS, tmp_path / name)
    else:
        (tmp_path / name).write_bytes(colored_png(torch.rand(3, 4, 4), HINTS))
    assert run(source, tmp_path / "out.png", "--hints", tmp_path / name) == 0
    expected = colorizing.colorize(source, "scenes-hints", HINTS)
    assert (read_image(tmp_path / "out.png") - expected).abs().max() <= 0.5 / 255 + 1e-6


def test_the_command_in_a_process_of_its_own(folder, tmp_path):
    source = save(tmp_path / "in.png")
    write_hints(HINTS, tmp_path / "hints.json")
    arguments = [source, tmp_path / "out.png", "--hints", tmp_path / "hints.json"]
    model = folder / "scenes-hints.safetensors"
    command_and_arguments = [
        sys.executable,
        "-m",
        "course_lib",
        "colorize",
        *map(str, arguments),
        "--model",
        str(model),
    ]
    said = subprocess.check_output(command_and_arguments, text=True)
    assert "Wrote 1 of 1" in said
    written = read_image(tmp_path / "out.png")
    assert (written - colorizing.colorize(source, model, HINTS)).abs().max() <= 1.5 / 255
    assert (written - colorizing.colorize(source, model)).abs().max() > 5 / 255


@pytest.mark.parametrize(
    ("hints", "says"),
    [
        (None, r"hints\.json cannot be read"),
        ("{}", r"hints\.json holds no hints"),
        ('{"hints": 9, "points": [], "strokes": [], "palette": []}', "version 9"),
    ],
)
def test_hints_that_cannot_be_used_end_with_2(installed, tmp_path, capsys, hints, says):
    source = save(tmp_path / "in.png")
    if hints is not None:
        (tmp_path / "hints.json").write_text(hints)
    assert run(source, tmp_path / "out.png", "--hints", tmp_path / "hints.json") == 2
    out, err = capsys.readouterr()
    assert not out
    assert re.search(says, err)
    assert not (tmp_path / "out.png").exists()


def test_hints_for_a_folder_need_one_picture_in_it(installed, tmp_path, capsys):
    write_hints(HINTS, tmp_path / "hints.json")
    save(tmp_path / "in" / "a.png")
    assert run(tmp_path / "in", tmp_path / "out", "--hints", tmp_path / "hints.json") == 0
    save(tmp_path / "in" / "b.png")
    assert run(tmp_path / "in", tmp_path / "new", "--hints", tmp_path / "hints.json") == 2
    assert "for one picture, and there are 2" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_hints_for_a_network_that_takes_none_are_an_error_in_words(installed, tmp_path, capsys):
    write_hints(HINTS, tmp_path / "hints.json")
    source = save(tmp_path / "in.png")
    status = run(source, tmp_path / "out.png", "--hints", tmp_path / "hints.json", "--model", "regressor")
    assert status in (1, 2)
    assert "takes no hints" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_rotation_is_applied_once(installed, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    source = save(tmp_path / "in.jpg", exif=exif)
    assert run(source, tmp_path / "out.jpg") == 0
    written = Image.open(tmp_path / "out.jpg")
    assert written.size == (30, 40)
    assert 0x0112 not in written.getexif()


def test_a_folder_with_a_bad_file_finishes_the_rest(installed, tmp_path, capsys):
    pictures = tmp_path / "in"
    for seed, name in enumerate(("a.jpg", "c.png", "d.gif", "E.JPG")):
        save(pictures / name, seed=seed)
    (pictures / "b.jpg").write_bytes(b"not a picture at all")
    (pictures / "notes.txt").write_text("not meant to be one")
    (pictures / ".hidden.jpg").write_bytes(b"")
    (pictures / "inside").mkdir()
    assert run(pictures, tmp_path / "out") == 1
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["E.JPG", "a.jpg", "c.png", "d.gif.png"]
    out, err = capsys.readouterr()
    assert "Wrote 4 of 5" in out
    assert ".txt" in out
    assert "b.jpg" in err
    assert "a.jpg" not in err


def test_a_whole_folder_without_faults_ends_with_0(installed, tmp_path):
    save(tmp_path / "in" / "a.png")
    assert run(tmp_path / "in", tmp_path / "out") == 0


def test_the_input_is_never_replaced(installed, tmp_path, capsys):
    source = save(tmp_path / "in" / "a.png")
    before = source.read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    for arguments in (
        (source, source),
        (source, tmp_path / "in"),
        (source, tmp_path / "link" / "a.png"),
        (tmp_path / "in", tmp_path / "link"),
        (tmp_path / "in", tmp_path / "in"),
    ):
        assert run(*arguments) == 2
        assert "same" in capsys.readouterr().err
    assert source.read_bytes() == before
    assert [file.name for file in (tmp_path / "in").iterdir()] == ["a.png"]


def test_out_may_be_a_folder(installed, tmp_path):
    source = save(tmp_path / "in" / "a.bmp")
    assert run(source, f"{tmp_path / 'new'}/") == 0
    (tmp_path / "there").mkdir()
    assert run(source, tmp_path / "there") == 0
    assert (tmp_path / "new" / "a.bmp.png").exists()
    assert (tmp_path / "there" / "a.bmp.png").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["a.png", "out.gif"], r"\.jpg"),
        (["a.png", "out"], r"\.jpg"),
        (["a.png", "out.png", "--model", "unknown"], "no checkpoint"),
        (["a.png", "out.png", "--temperature", "0"], "temperature"),
        (["a.png", "out.png", "--side", "1"], "side"),
        (["empty", "out"], "no pictures"),
        (["full", "out.png"], "folder"),
    ],
)
def test_what_cannot_be_begun_ends_with_2(installed, tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png")
    save(tmp_path / "full" / "a.png")
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert not out
    assert re.search(says, err)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_picture_and_a_folder_that_cannot_be_made_end_with_1(installed, tmp_path, capsys):
    assert run(tmp_path / "nothing.png", tmp_path / "out.png") == 1
    assert "There is no file" in capsys.readouterr().err
    (tmp_path / "file").write_text("in the way")
    assert run(save(tmp_path / "a.png"), tmp_path / "file" / "out.png") == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_picture_too_large_for_its_format_is_an_error_in_words(tmp_path):
    with pytest.raises(PictureError, match="JPEG cannot hold"):
        writing.write_image(torch.zeros(3, 1, 70000), tmp_path / "wide.jpg")
    with pytest.raises(PictureError, match="one by one"):
        writing.write_image(torch.zeros(2, 3, 4, 4), tmp_path / "two.png")
    assert not list(tmp_path.iterdir())


def test_a_stop_while_writing_leaves_nothing(installed, tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    source = save(tmp_path / "in" / "a.png")
    monkeypatch.setattr(files.os, "replace", stop)
    assert run(source, tmp_path / "out" / "a.png") == 130
    assert "Stopped" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())


def test_a_kill_half_way_leaves_whole_pictures_only(folder, tmp_path):
    for place in range(80):
        save(tmp_path / "in" / f"{place:03}.png", size=(300, 200), seed=place)
    out = tmp_path / "out"
    arguments = ["colorize", tmp_path / "in", out, "--model", folder / "scenes-rebalanced.safetensors"]
    process = subprocess.Popen([sys.executable, "-m", "course_lib", *map(str, arguments)], stdout=subprocess.DEVNULL)
    try:
        while not list(out.glob("*.png")):
            assert process.poll() is None
            time.sleep(0.01)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    written = list(out.glob("[!.]*"))  # what was being written has a name that starts with a dot
    assert 0 < len(written) < 80
    for file in written:
        assert read_image(file).shape == (3, 200, 300)


# ---- size


def test_12_megapixels_take_less_than_1500_megabytes(folder, tmp_path):
    """The whole command in a process of its own: reading, colorizing, writing."""
    pytest.importorskip("resource")
    gray = np.asarray(Image.fromarray((photo("coffee")[0] * 255).byte().numpy()).resize((4000, 3000)))
    Image.fromarray(gray).save(tmp_path / "large.jpg")
    code = f"""
from course_lib.__main__ import main
from tests.memory import most_memory
status = main(["colorize", {str(tmp_path / "large.jpg")!r}, {str(tmp_path / "out.jpg")!r},
               "--model", {str(folder / "scenes-rebalanced.safetensors")!r}])
print(status, most_memory())
"""
    line = subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).splitlines()[-1]
    status, peak = map(int, line.split())
    megabytes = peak / 1024
    assert status == 0
    assert Image.open(tmp_path / "out.jpg").size == (4000, 3000)
    assert 200 < megabytes < 1500
