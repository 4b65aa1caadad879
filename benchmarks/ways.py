"""Ways to run the same bidirectional network on a CPU, and the batches that they read: for the benchmarks of speed."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.depth_studies import DATA, ROOT
from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.data.batches import SimilarLengthSampler
from textlstm.data.files import FilesSource
from textlstm.data.load import load_data
from textlstm.door.resume import compose_plain
from textlstm.door.settings import check_train

VOCABULARY, VECTORS, BATCH, CLASSES = 14_000, 100, 64, 5

Batch = tuple[Tensor, Tensor, Tensor]
"""Ids [B, T], mask [B, T], labels [B]."""


# ---------------------------------------------------------------- the ways


class PackedLSTM(nn.Module):
    """nn.LSTM over packed texts, between the token vectors, pooling and head of ours."""

    def __init__(self, ours: StackedLSTMForSequenceClassification) -> None:
        super().__init__()
        config = ours.config
        self.embedding, self.pooling, self.head = ours.embedding, ours.pooling, ours.head
        self.lstm = nn.LSTM(
            VECTORS, config.hidden_size, config.layers, batch_first=True, bidirectional=config.bidirectional
        )

    def forward(self, ids: Tensor, mask: Tensor, labels: Tensor | None = None) -> Tensor:
        """The loss, or logits [B, C] without labels."""
        lengths = mask.sum(dim=1)
        packed = pack_padded_sequence(self.embedding(ids, mask.bool()), lengths, batch_first=True, enforce_sorted=False)
        states = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=ids.size(1))[0]
        return _finish(self, states, mask, labels)


class StepLoop(nn.Module):
    """A cell a step and direction, as it is usually written, with one dropout mask of the state a text."""

    def __init__(self, ours: StackedLSTMForSequenceClassification, rate: float) -> None:
        super().__init__()
        config = ours.config
        self.embedding, self.pooling, self.head, self.rate = ours.embedding, ours.pooling, ours.head, rate
        width = config.hidden_size
        sizes = [VECTORS] + [2 * width] * (config.layers - 1)
        self.cells = nn.ModuleList(nn.ModuleList(nn.LSTMCell(size, width) for _ in range(2)) for size in sizes)

    def forward(self, ids: Tensor, mask: Tensor, labels: Tensor | None = None) -> Tensor:
        """The loss, or logits [B, C] without labels."""
        states = self.embedding(ids, mask.bool())
        for pair in self.cells:
            states = torch.cat(
                [self._read(cell, states, mask, turn) for cell, turn in zip(pair, (0, 1), strict=True)], -1
            )
        return _finish(self, states, mask, labels)

    def _read(self, cell: nn.Module, inputs: Tensor, mask: Tensor, turn: int) -> Tensor:
        h = c = inputs.new_zeros(len(inputs), cell.hidden_size)
        keep = (torch.rand_like(h) >= self.rate).float() / (1 - self.rate) if self.training else torch.ones_like(h)
        outputs = []
        steps = range(inputs.size(1))
        for step in reversed(steps) if turn else steps:
            here = mask[:, step, None].bool()
            new_h, new_c = cell(inputs[:, step], (h * keep, c))
            h, c = torch.where(here, new_h, h), torch.where(here, new_c, c)
            outputs.append(torch.where(here, h, 0.0))
        return torch.stack(outputs[::-1] if turn else outputs, dim=1)


def _finish(model: Any, states: Tensor, mask: Tensor, labels: Tensor | None) -> Tensor:
    logits: Tensor = model.head(model.pooling(states, mask.bool(), mask.sum(dim=1)))
    return logits if labels is None else nn.functional.cross_entropy(logits, labels)


def ours(layers: int, hidden: int, recurrence: str, **settings: Any) -> StackedLSTMForSequenceClassification:
    """Our network."""
    return StackedLSTMForSequenceClassification(
        StackedLSTMConfig(
            vocab_size=VOCABULARY,
            embedding_size=VECTORS,
            layers=layers,
            hidden_size=hidden,
            num_labels=CLASSES,
            recurrence=recurrence,
            **settings,
        )
    )


def ways(layers: int, hidden: int) -> dict[str, tuple[nn.Module, str]]:
    """Name -> the network, and which batches it reads."""
    rate = 0.25
    dropped = ours(layers, hidden, "native", recurrent_dropout=rate)
    return {
        "ours": (ours(layers, hidden, "native"), "bucketed"),
        "packed": (PackedLSTM(ours(layers, hidden, "native")), "random"),
        "packed, bucketed": (PackedLSTM(ours(layers, hidden, "native")), "bucketed"),
        "dense pairs": (ours(layers, hidden, "fused"), "bucketed"),
        "ours, recurrent dropout": (dropped, "bucketed"),
        "step loop, recurrent dropout": (StepLoop(ours(layers, hidden, "native"), rate), "random"),
    }


# ---------------------------------------------------------------- the texts


def lengths_of(data: str) -> np.ndarray | None:
    """Tokens of each training text; None where the data are not here."""
    file = DATA / "sst2" / "train.csv"
    if data == "sst2" and not file.is_file():
        return None
    settings = check_train(compose_plain(ROOT / "conf", "config", []))
    source = FilesSource(name="sst2", train=str(file)) if data == "sst2" else settings.dataset
    texts = load_data(source).splits["train"]["text"]
    longest = 256 if data == "bbc" else 400
    return np.array([min(len(text.split()), longest) for text in texts])


def draw_batches(lengths: np.ndarray, count: int, seed: int) -> dict[str, list[Batch]]:
    """`count` batches of random texts and `count` of texts of similar length."""
    random = np.random.default_rng(seed)
    bucketed = list(SimilarLengthSampler(lengths, BATCH, seed))
    found: dict[str, list[Batch]] = {"random": [], "bucketed": []}
    shuffled = random.permutation(len(lengths))
    for kind, order in (("random", shuffled), ("bucketed", bucketed)):
        for number in range(count):
            found[kind].append(make_batch(lengths[order[number * BATCH : (number + 1) * BATCH]], random))
    return found


def make_batch(lengths: np.ndarray, random: np.random.Generator) -> Batch:
    """Random words of texts of these lengths."""
    mask = torch.from_numpy(np.arange(lengths.max()) < lengths[:, None]).long()
    ids = torch.from_numpy(random.integers(2, VOCABULARY, mask.shape)) * mask
    return ids, mask, torch.from_numpy(random.integers(0, CLASSES, len(lengths)))


# ---------------------------------------------------------------- the clock


def seconds_a_token(step: Callable[[Batch], None], batches: Sequence[Batch]) -> float:
    """Of one round."""
    started = time.perf_counter()
    for batch in batches:
        step(batch)
    return (time.perf_counter() - started) / sum(int(mask.sum()) for _, mask, _ in batches)


def training_step(model: nn.Module) -> Callable[[Batch], None]:
    """Forward, backward, AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(batch: Batch) -> None:
        ids, mask, labels = batch
        model.train()
        found = model(ids, mask, labels=labels)
        (found.loss if hasattr(found, "loss") else found).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def prediction(model: nn.Module) -> Callable[[Batch], None]:
    """Logits in evaluation mode."""

    def step(batch: Batch) -> None:
        model.eval()
        with torch.inference_mode():
            model(*batch[:2])

    return step


def floor(layers: int, hidden: int) -> float:
    """Seconds a token that the matrix products alone take in training, at the speed of one large product here."""
    inputs = [VECTORS] + [2 * hidden] * (layers - 1)
    operations = sum(3 * 2 * 8 * hidden * (size + hidden) for size in inputs)
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = min(_seconds(lambda: a @ b) for _ in range(8))
    return operations / (2 * 1024**3 / best)


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
