"""Small float64 networks and texts, and torch's own LSTM: the plain reference of a layer."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification

VOCABULARY, EMBEDDING, WIDTH, CLASSES = 30, 5, 6, 3
SIZES = {"vocab_size": VOCABULARY, "embedding_size": EMBEDDING, "hidden_size": WIDTH, "num_labels": CLASSES}
LENGTHS = (7, 4, 1, 7)
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def texts(lengths: Sequence[int] = LENGTHS, padding: int = 0) -> Tensor:
    """Ids [B, T] of random words, padded with 0, and `padding` columns more."""
    generator = torch.Generator().manual_seed(5)
    ids = torch.zeros(len(lengths), max(lengths) + padding, dtype=torch.long)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(2, VOCABULARY, (length,), generator=generator)
    return ids


def copies(count: int, length: int = 5) -> Tensor:
    """One text of different words, `count` times: what differs between rows was drawn."""
    return torch.arange(2, 2 + length).expand(count, length)


def labels(count: int) -> Tensor:
    return torch.arange(count) % CLASSES


def reseed(seed: int = 1) -> None:
    """Start the generator anew; `torch.manual_seed` also notes a stack trace for GPUs, which takes longer than a test."""
    torch.default_generator.manual_seed(seed)


def network(**settings: Any) -> StackedLSTMForSequenceClassification:
    """A float64 network in which every term counts: neither biases nor the weights of norms and mixes are flat."""
    reseed(0)
    model = StackedLSTMForSequenceClassification(StackedLSTMConfig(**(SIZES | settings))).double()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if any(part in name for part in ("bias", "norms", "readout")):
                weight.add_(0.3 * torch.randn_like(weight))
    return model


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Give `target` the weights of `source`, wherever it has one of that name and shape."""
    weights = source.state_dict()
    with torch.no_grad():
        for name, weight in target.state_dict().items():
            if name in weights and weights[name].shape == weight.shape:
                weight.copy_(weights[name])


def run(model: nn.Module, ids: Tensor, training: bool, mask: Tensor | None = None) -> Any:
    """The output with loss and states, from a generator that starts anew."""
    reseed()
    return model.train(training)(ids, mask, labels=labels(len(ids)), output_hidden_states=True)


def packed(layer: nn.Module, inputs: Tensor, lengths: Tensor) -> Tensor:
    """States [B, T, D*H] of torch's LSTM, reading packed texts, with the weights of one layer of ours."""
    directions = list(layer.directions.values())
    width, size = directions[0].weight_hh.size(1), directions[0].weight_ih.size(1)
    lstm = nn.LSTM(size, width, batch_first=True, bidirectional=len(directions) == 2).double()
    # Not copies but ours: a backward through this LSTM fills the gradients of the weights that it was given.
    states, _ = torch.func.functional_call(
        lstm,
        {
            f"{part}_l0{suffix}": getattr(direction, part)
            for direction, suffix in zip(directions, ("", "_reverse"), strict=False)
            for part in PARTS
        },
        (pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False),),
    )
    return pad_packed_sequence(states, batch_first=True, total_length=inputs.size(1))[0]


def same(ours: Tensor, theirs: Tensor, tolerance: float = 1e-12) -> bool:
    """Whether two tensors are equal to 1e-12 (float64 rounds at 1e-16)."""
    return ours.shape == theirs.shape and torch.allclose(ours, theirs, rtol=0, atol=tolerance)


def everything(output: Any) -> list[Tensor]:
    return [output.logits, output.loss, *output.hidden_states]


def equal(ours: Any, theirs: Any) -> bool:
    """Whether two outputs are equal bit for bit."""
    return all(map(torch.equal, everything(ours), everything(theirs)))
