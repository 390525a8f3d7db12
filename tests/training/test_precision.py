"""bfloat16 inside of the network and nowhere else, whatever happens to a batch."""

import pytest
import torch
from fastai.callback.core import Callback, CancelBatchException
from torch import nn

from course_lib.budget import bfloat16_pays
from course_lib.models.fusion import FusionAnswer
from course_lib.training import dataloaders, learner, train
from course_lib.training.precision import bfloat16


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch):
    monkeypatch.setenv("COURSE_DEVICE", "cpu")


class Spy(nn.Module):
    """A convolution that remembers in what precision it answered, and may fail."""

    def __init__(self):
        super().__init__()
        self.layer, self.seen, self.fails = nn.Conv2d(1, 2, 1), [], False

    def forward(self, l):  # noqa: E741
        answer = self.layer(l)
        self.seen.append(answer.dtype)
        if self.fails:
            raise RuntimeError("out of memory")
        return answer


def batches():
    l = torch.rand(16, 1, 4, 4) * 2 - 1  # noqa: E741
    ab = torch.cat([l, -l / 2], dim=1)
    return dataloaders(l, ab, l, ab, 8)


def is_full():
    """Whether a convolution outside of the network runs in float32."""
    return nn.Conv2d(1, 1, 1)(torch.zeros(1, 1, 2, 2)).dtype == torch.float32


def test_the_network_computes_in_bfloat16_and_answers_in_float32():
    model = Spy()
    with bfloat16(model):
        assert model(torch.zeros(1, 1, 2, 2)).dtype == torch.float32
        assert is_full()
    assert model.seen == [torch.bfloat16]
    model(torch.zeros(1, 1, 2, 2))
    assert model.seen[1] == torch.float32


def test_a_learner_trains_in_bfloat16_with_weights_and_loss_in_float32():
    model, losses = Spy(), []

    def loss(ab, true_ab):
        losses.append((ab.dtype, is_full()))
        return (ab - true_ab).square().mean()

    with bfloat16(model):
        train(learner(model, batches(), loss), 3, rate=0.1)
    assert set(model.seen) == {torch.bfloat16}
    assert set(losses) == {(torch.float32, True)}
    assert model.layer.weight.dtype == torch.float32


class Told(Spy):
    """Takes something that may be left out, and answers with colors and what may be None."""

    def forward(self, l, hint=None):  # noqa: E741
        ab = super().forward(l if hint is None else l + hint)
        return FusionAnswer(ab, None if hint is None else ab.mean(dim=(2, 3)))


@pytest.mark.parametrize("inputs", [(torch.ones(1, 1, 2, 2),), (torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2))])
def test_answers_with_names_keep_them(inputs):
    model = Told()
    with bfloat16(model):
        answer = model(*inputs)
    assert type(answer) is FusionAnswer
    assert model.seen == [torch.bfloat16]
    assert answer.ab.dtype == torch.float32
    assert (answer.logits is None) == (len(inputs) == 1)
    assert answer.logits is None or answer.logits.dtype == torch.float32
    assert torch.allclose(answer.ab, model(*inputs).ab, atol=0.02)


class Several(Spy):
    """Answers with a list, as a feature network does."""

    def forward(self, l):  # noqa: E741
        answer = super().forward(l)
        return [answer, answer.mean(dim=(2, 3))]


def test_lists_of_answers_stay_lists():
    model = Several()
    with bfloat16(model):
        answers = model(torch.ones(1, 1, 2, 2))
    assert type(answers) is list
    assert model.seen == [torch.bfloat16]
    assert [answer.dtype for answer in answers] == [torch.float32, torch.float32]
    assert [answer.shape for answer in answers] == [(1, 2, 2, 2), (1, 2)]


def test_answers_are_nearly_those_of_float32():
    torch.manual_seed(0)
    model, l = nn.Conv2d(1, 2, 3), torch.rand(4, 1, 16, 16)  # noqa: E741
    full = model(l)
    with bfloat16(model):
        reduced = model(l)
    assert not torch.equal(reduced, full)
    assert torch.allclose(reduced, full, atol=0.01)


def test_a_batch_that_fails_leaves_nothing_switched():
    model = Spy()
    model.fails = True
    with pytest.raises(RuntimeError, match="out of memory"), bfloat16(model):
        train(learner(model, batches()), 1)
    assert model.seen == [torch.bfloat16]
    assert is_full()
    model.fails = False
    model(torch.zeros(1, 1, 2, 2))
    assert model.seen[-1] == torch.float32


class CancelSecond(Callback):
    """Cancel a batch before, or right after the network has answered."""

    def __init__(self, event):
        setattr(self, event, self.cancel)

    def cancel(self):
        if self.iter == 1:
            raise CancelBatchException


@pytest.mark.parametrize("event", ["before_batch", "after_pred"])
def test_a_batch_that_is_cancelled_leaves_nothing_switched(event):
    model = Spy()
    learn = learner(model, batches())
    learn.add_cb(CancelSecond(event))
    with bfloat16(model):
        train(learn, 2)
        assert is_full()
    assert is_full()


def test_bfloat16_is_used_where_the_processor_has_it():
    assert bfloat16_pays(torch.device("cpu")) == torch.cpu.get_capabilities().get("avx512_bf16", False)
    assert not bfloat16_pays(torch.device("mps"))
