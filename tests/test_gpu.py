"""On a CUDA device: the same losses as on the CPU, in every precision. Skipped without one."""

import pytest
import torch

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.training.machine import choose_device, choose_precision
from textlstm.training.scores import autocast

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("bf16", 3e-2), ("fp16", 1e-2)])
@pytest.mark.parametrize("layers", [1, 3])
def test_losses_and_gradients_are_those_of_the_cpu(precision, tolerance, layers):
    torch.manual_seed(0)
    model = StackedLSTMForSequenceClassification(StackedLSTMConfig(vocab_size=100, layers=layers, hidden_size=32))
    ids = torch.randint(1, 100, (5, 12))
    ids[0, 6:] = 0
    labels = torch.tensor([0, 1, 0, 1, 1])
    expected = model(ids, labels=labels).loss
    expected.backward()
    gradients = {name: weight.grad.clone() for name, weight in model.named_parameters()}
    model.zero_grad()
    model.to("cuda")
    with autocast("cuda", precision):
        loss = model(ids.cuda(), labels=labels.cuda()).loss
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=tolerance)
    for name, weight in model.named_parameters():
        torch.testing.assert_close(weight.grad.float().cpu(), gradients[name], atol=tolerance, rtol=0.1)


def test_auto_takes_the_gpu_and_a_mixed_precision():
    device = choose_device("auto")
    assert device.type == "cuda"
    assert choose_precision("auto", device) in ("bf16", "fp16")
