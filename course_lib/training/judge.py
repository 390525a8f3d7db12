"""Train the classifier of scenes that judges colorizations: ``python -m course_lib.training.judge``.

It sees color pictures only, and takes minutes: too few for states to go on from.
"""

import torch
from fastai.callback.core import Callback
from fastai.metrics import accuracy

from course_lib import budget
from course_lib.data.datasets import scenes
from course_lib.models.checkpoints import write_checkpoint
from course_lib.models.scene_classifier import SceneClassifier
from course_lib.training.batches import ShuffleByEpoch, dataloaders
from course_lib.training.card import manifest_digest, versions
from course_lib.training.learners import learner
from course_lib.training.photographs import crop, draw_changes, mirror, resize
from course_lib.training.terminal import PrintProgress

NAME = "scenes-classifier"
COMMAND = "python -m course_lib.training.judge"
SIDE = 96  # pixels; the network takes any
EPOCHS, BATCH_SIZE, RATE, SMOOTHING = 14, 64, 4e-3, 0.1


class PrepareColors(Callback):
    """Turn a batch of uint8 photographs into sRGB of one side, in training cropped and mirrored at random."""

    order = 5

    def before_batch(self):
        (photographs,) = self.xb
        rgb = photographs.float() / 255
        if self.training:
            generator = torch.Generator().manual_seed(self.epoch * len(self.dls.train) + self.iter)
            changes = draw_changes(len(rgb), rgb.shape[-2:], generator)
            rgb = mirror(crop(rgb, changes), changes)
        self.learn.xb = (resize(rgb, SIDE),)


def train_judge(training, validation, epochs=EPOCHS):
    """Train on `LabeledPictures`.

    Returns
    -------
    model : SceneClassifier
    history : list of [float, float, float]
        Training loss, validation loss and accuracy of every epoch.
    """
    batches = dataloaders(training.rgb, training.labels, validation.rgb, validation.labels, BATCH_SIZE)
    budget.seed(0)
    model = SceneClassifier(classes=len(training.classes))
    learn = learner(model, batches, torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING))
    learn.metrics = [accuracy]
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(epochs, RATE, wd=0.05, cbs=[PrepareColors(), ShuffleByEpoch(0), PrintProgress(NAME)])
    return learn.model, [[float(value) for value in values] for values in learn.recorder.values]


def main():
    training, validation = scenes("train"), scenes("validation")
    model, history = train_judge(training, validation)
    card = {
        "network": {
            "class": "SceneClassifier",
            "arguments": model.arguments,
            "parameters": sum(weight.numel() for weight in model.parameters()),
        },
        "objective": "cross-entropy of the six classes, labels smoothed by 0.1",
        "data": {
            "name": "scenes",
            "manifest_sha256": manifest_digest("scenes"),
            "pictures": {"train": len(training), "validation": len(validation)},
        },
        "budget": {"epochs": EPOCHS, "side": SIDE, "batch_size": BATCH_SIZE, "rate": RATE},
        "seed": 0,
        "command": COMMAND,
        "versions": versions(),
        "metrics": {"split": "validation", "loss": round(history[-1][1], 4), "accuracy": round(history[-1][2], 4)},
    }
    write_checkpoint(NAME, model.cpu(), card)
    print(f"Wrote {NAME}: accuracy {history[-1][2]:.3f} on the validation photographs.")


if __name__ == "__main__":
    main()
