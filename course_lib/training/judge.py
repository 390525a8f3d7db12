"""Train a classifier of scenes: ``python -m course_lib.training.judge [NAME]``.

``scenes-classifier`` judges colorizations and sees color pictures only. ``scenes-semantics`` says what is in a gray picture, for
`FusionNet`, and sees gray ones only. ``scenes-features`` compares color pictures in a loss: another network than the judge's, so that
nothing is trained to please its judge. ``scenes-body`` is where `ShuffleUNet` begins: it sees gray pictures. Each takes minutes: too few
for states to go on from.
"""

import argparse
from dataclasses import dataclass

import torch
from fastai.callback.core import Callback
from fastai.metrics import accuracy

from course_lib import budget, color
from course_lib.data.datasets import scenes
from course_lib.models.checkpoints import write_checkpoint
from course_lib.models.scene_classifier import SceneClassifier
from course_lib.models.semantics import gray_rgb
from course_lib.training.augment import expose
from course_lib.training.batches import ShuffleByEpoch, dataloaders
from course_lib.training.card import data_card, network_card, versions
from course_lib.training.learners import learner
from course_lib.training.photographs import crop, draw_changes, mirror, resize
from course_lib.training.terminal import PrintProgress


@dataclass(frozen=True)
class Judge:
    """What one of the classifiers sees, and its widths."""

    gray: bool
    widths: tuple


JUDGES = {
    "scenes-classifier": Judge(gray=False, widths=(32, 64, 96, 128, 128)),
    "scenes-semantics": Judge(gray=True, widths=(24, 48, 64, 64, 64)),
    "scenes-features": Judge(gray=False, widths=(16, 24, 32, 48, 48)),
    "scenes-body": Judge(gray=True, widths=(16, 24, 32, 48)),
}
DEFAULT = "scenes-classifier"
SIDE = 96  # pixels; the network takes any
EPOCHS, BATCH_SIZE, RATE, SMOOTHING = 14, 64, 4e-3, 0.1


class PrepareColors(Callback):
    """Turn a batch of uint8 photographs into sRGB of one side, in training cropped and mirrored at random.

    Parameters
    ----------
    gray : bool
        Take the colors away, and in training brighten or darken what is left.
    """

    order = 5

    def __init__(self, gray):
        self.gray = gray

    def before_batch(self):
        (photographs,) = self.xb
        rgb = photographs.float() / 255
        if self.training:
            generator = torch.Generator().manual_seed(self.epoch * len(self.dls.train) + self.iter)
            changes = draw_changes(len(rgb), rgb.shape[-2:], generator)
            rgb = mirror(crop(rgb, changes), changes)
        rgb = resize(rgb, SIDE)
        if self.gray:
            l, _ = color.normalize(color.rgb_to_lab(rgb))  # noqa: E741 - l is the symbol of the field
            rgb = gray_rgb(expose(l, changes.gain, changes.offset) if self.training else l)
        self.learn.xb = (rgb,)


def train_judge(judge, training, validation, name="", epochs=EPOCHS):
    """Train on `LabeledPictures`; ``name`` is for the progress.

    Returns
    -------
    model : SceneClassifier
    history : list of [float, float, float]
        Training loss, validation loss and accuracy of every epoch.
    """
    batches = dataloaders(training.rgb, training.labels, validation.rgb, validation.labels, BATCH_SIZE)
    budget.seed(0)
    model = SceneClassifier(classes=len(training.classes), widths=judge.widths)
    learn = learner(model, batches, torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING))
    learn.metrics = [accuracy]
    callbacks = [PrepareColors(judge.gray), ShuffleByEpoch(0), PrintProgress(name)]
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, RATE, wd=0.05, cbs=callbacks)
    return learn.model, [[float(value) for value in values] for values in learn.recorder.values]


def main(arguments=None):
    """Train the classifier that is named in ``arguments`` (default: the command line) and write its checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m course_lib.training.judge", description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default=DEFAULT, choices=JUDGES, metavar="NAME", help=", ".join(JUDGES))
    name = parser.parse_args(arguments).name
    judge, training, validation = JUDGES[name], scenes("train"), scenes("validation")
    model, history = train_judge(judge, training, validation, name)
    card = {
        "network": network_card(model),
        "objective": f"cross-entropy of the six classes of {'gray' if judge.gray else 'color'} pictures, labels smoothed by 0.1",
        "data": data_card("scenes", {"train": training, "validation": validation}),
        "budget": {"epochs": EPOCHS, "side": SIDE, "batch_size": BATCH_SIZE, "rate": RATE},
        "seed": 0,
        "command": f"python -m course_lib.training.judge {name}",
        "versions": versions(),
        "metrics": {"split": "validation", "loss": round(history[-1][1], 4), "accuracy": round(history[-1][2], 4)},
    }
    write_checkpoint(name, model.cpu(), card)
    print(f"Wrote {name}: accuracy {history[-1][2]:.3f} on the validation photographs.")


if __name__ == "__main__":
    main()
