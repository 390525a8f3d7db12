"""Progress for a terminal, and for a log that is read later."""

import sys
import time

from fastai.callback.core import Callback

SECONDS_BETWEEN = 1


class PrintProgress(Callback):
    """A line per epoch, and on a terminal one that is rewritten as steps go by."""

    order = 66  # after the losses of the epoch are known

    def __init__(self, recipe):
        self.recipe, self.begun, self.done, self.shown = recipe, time.monotonic(), 0, 0.0

    def after_batch(self):
        if not self.training:
            return
        self.done += 1
        if sys.stdout.isatty() and time.monotonic() - self.shown > SECONDS_BETWEEN:
            self.shown = time.monotonic()
            step = f"step {self.iter + 1} of {self.n_iter}"
            print(f"\r{self._where()}, {step}, {self._left(self.iter + 1)} to go   ", end="", flush=True)

    def after_epoch(self):
        if not self.done:
            return  # an epoch of the run before, passed over
        train, valid = (float(loss) for loss in self.recorder.values[-1][:2])
        start = "\r" if sys.stdout.isatty() else ""
        left = self._left(len(self.dls.train))
        print(f"{start}{self._where()}: loss {train:.4f}, validation {valid:.4f}, {left} to go", flush=True)

    def _where(self):
        return f"{self.recipe}: epoch {self.epoch + 1} of {self.n_epoch}"

    def _left(self, step):
        """The time that is left after so many steps of this epoch, if the rest goes on like this."""
        remaining = (self.n_epoch - self.epoch) * len(self.dls.train) - step
        seconds = (time.monotonic() - self.begun) / self.done * remaining
        return format_left(seconds)


def format_left(seconds):
    """A time that is left, in minutes or in seconds."""
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"


class PrintPoints(Callback):
    """A line for each point of the curve of a GAN."""

    order = 66  # after the generator was measured

    def __init__(self, name, plan):
        self.recipe, self.plan, self.begun, self.done = name, plan, time.monotonic(), 0

    def after_epoch(self):
        if self.epoch < self.learn.keep_gan.start:
            return  # an epoch of the run before, passed over
        self.done += 1
        point = self.learn.keep_gan.state.curve[-1]
        seconds = (time.monotonic() - self.begun) / self.done * (self.n_epoch - self.epoch - 1)
        print(
            f"{self.recipe}: step {point['step']} of at most {self.n_epoch * self.plan.steps}: Frechet distance {point['frechet']:.2f}, "
            f"colorfulness {point['colorfulness']:.2f}, patches {point['patches']:.2f}, PSNR {point['psnr']:.2f} dB, "
            f"at most {format_left(seconds)} to go",
            flush=True,
        )
