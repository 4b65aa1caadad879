"""fp32, bf16 and fp16 on a GPU: the losses of the same updates, and the time of one.

    make gpu-check

Prints a table and writes `benchmarks/results/gpu.json`. No figure of it is asserted.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.training.scores import autocast

STEPS, WARMUP = 60, 10
BATCH, TIME, VOCABULARY = 64, 256, 20_000


def run(precision: str, layers: int) -> dict[str, Any]:
    """Train on a fixed synthetic task for `STEPS` updates; median milliseconds a step and the last losses."""
    torch.manual_seed(0)
    device = torch.device("cuda")
    config = StackedLSTMConfig(vocab_size=VOCABULARY, embedding_size=200, layers=layers, hidden_size=128, num_labels=2)
    model = StackedLSTMForSequenceClassification(config).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    scaler = torch.amp.GradScaler("cuda", enabled=precision == "fp16")
    generator = torch.Generator().manual_seed(1)
    seconds, losses = [], []
    for _ in range(STEPS):
        ids = torch.randint(1, VOCABULARY, (BATCH, TIME), generator=generator)
        labels = (ids < VOCABULARY // 2).float().mean(dim=1).gt(0.5).long().to(device)
        ids = ids.to(device)
        torch.cuda.synchronize()
        started = time.perf_counter()
        with autocast("cuda", precision):
            loss = model(ids, labels=labels).loss
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
        losses.append(loss.item())
    return {
        "precision": precision,
        "layers": layers,
        "milliseconds": 1000 * statistics.median(seconds[WARMUP:]),
        "last_losses": losses[-5:],
    }


def main() -> None:
    """Compare the precisions at depths 1, 2 and 4."""
    if not torch.cuda.is_available():
        sys.exit("No GPU here: this comparison needs one.")
    precisions = ["fp32", "fp16"] + (["bf16"] if torch.cuda.is_bf16_supported(including_emulation=False) else [])
    results = [run(precision, layers) for layers in (1, 2, 4) for precision in precisions]
    table = Table(title=torch.cuda.get_device_name())
    for column in ("layers", "precision", "ms a step", "mean of the last 5 losses"):
        table.add_column(column, justify="right")
    for row in results:
        loss = statistics.mean(row["last_losses"])
        table.add_row(str(row["layers"]), row["precision"], f"{row['milliseconds']:.2f}", f"{loss:.4f}")
    Console().print(table)
    path = Path(__file__).parent / "results" / "gpu.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"gpu": torch.cuda.get_device_name(), "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
