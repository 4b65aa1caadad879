"""Which stacks learn at all: the share of seeds that learn a small memory task, by depth and by setting.

    python -m benchmarks.trainability

The task: the first of 40 tokens is one of four class tokens, the others are drawn from 14 that say nothing; the network
reads from left to right and answers from its last state, so that the class must survive 39 steps in every layer. Fresh
texts at every update, hidden size 32, batches of 32, 200 updates of AdamW with a warm-up, a learning rate of 0.004 and
gradients clipped at 1. A network has learned when it answers at least 90% of 512 fresh texts correctly (chance: 25%).
Writes `benchmarks/results/trainability.json`, a run a row; the table is in LOG.md.
"""

import math
import time
import warnings
from typing import Any

import torch
from transformers import get_linear_schedule_with_warmup

from benchmarks.grid import Cell, print_table, run_grid
from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification

CLASSES, DISTRACTORS, TIME, FIRST = 4, 14, 40, 2
UPDATES, BATCH, RATE = 200, 32, 4e-3
DEPTHS, SEEDS = (1, 2, 4, 8, 16), (0, 1, 2, 3, 4)
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "zero forget bias": {"initialization": {"forget_bias": 0.0}},
    "chrono": {"initialization": {"chrono": TIME}},
    "layer norm": {"layer_norm": True},
    "residual": {"connections": "residual"},
    "highway": {"connections": "highway"},
    "relu": {"activation": "relu"},
    "no clipping": {},
}


def draw(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids [count, TIME] and labels [count]."""
    labels = torch.randint(CLASSES, (count,), generator=generator)
    ids = torch.randint(FIRST + CLASSES, FIRST + CLASSES + DISTRACTORS, (count, TIME), generator=generator)
    ids[:, 0] = FIRST + labels
    return ids, labels


def train(cell: Cell) -> Cell:
    """Train one network; its accuracy on fresh texts, and the largest gradient norm met."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(cell["seed"])
    config = StackedLSTMConfig(
        vocab_size=FIRST + CLASSES + DISTRACTORS,
        embedding_size=16,
        hidden_size=32,
        layers=cell["layers"],
        bidirectional=False,
        pooling="last",
        num_labels=CLASSES,
        **VARIANTS[cell["variant"]],
    )
    model = StackedLSTMForSequenceClassification(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, UPDATES // 10, UPDATES)
    generator = torch.Generator().manual_seed(1000 + cell["seed"])
    limit = math.inf if cell["variant"] == "no clipping" else 1.0
    started, largest = time.perf_counter(), 0.0
    for _ in range(UPDATES):
        ids, labels = draw(BATCH, generator)
        loss = model(ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), limit).item()
        if not math.isfinite(norm):
            break  # a network of numbers that are none stays one
        largest = max(largest, norm)
        optimizer.step()
        schedule.step()
    model.eval()
    ids, labels = draw(512, torch.Generator().manual_seed(99))
    with torch.inference_mode():
        accuracy = (model(ids).logits.argmax(-1) == labels).double().mean().item()
    return {
        "accuracy": round(accuracy, 3),
        "learned": accuracy >= 0.9,
        "finite": math.isfinite(norm),
        "largest_gradient": round(largest, 2),
        "seconds": round(time.perf_counter() - started, 1),
    }


def print_shares(rows: list[Cell]) -> None:
    """Variants down, depths across: how many of the seeds learned."""
    lines = []
    for variant in VARIANTS:
        by_depth = [
            [row["learned"] for row in rows if (row["variant"], row["layers"]) == (variant, depth)] for depth in DEPTHS
        ]
        lines.append([variant, *(f"{sum(learned)} of {len(learned)}" if learned else "" for learned in by_depth)])
    print_table(["", *(f"depth {depth}" for depth in DEPTHS)], lines)


def main() -> None:
    """Every variant at every depth that can have it: nothing is joined at depth 1."""
    cells = [
        {"variant": variant, "layers": layers, "seed": seed}
        for seed in SEEDS
        for layers in DEPTHS
        for variant in VARIANTS
        if layers > 1 or "connections" not in VARIANTS[variant]
    ]
    print_shares(run_grid("trainability", cells, train))


if __name__ == "__main__":
    main()
