"""How fast: a training step and a prediction against other correct ways to run the same network on a CPU.

    python -m benchmarks.speed [--threads 2] [--quick]        (or: make bench)

Every way reads the same texts, with the same token vectors, pooling, head and optimizer, batches of 64; what differs is the
recurrence and how batches are drawn. Ways are interleaved in one process and compared by time a token: the median over
rounds of their ratio in the same round, so that a machine that is busy for a while slows all of them.

- ours: `model.recurrence=native`, batches of similar length
- packed: nn.LSTM over packed random batches, the usual correct code
- packed, bucketed: the same with our batches
- dense pairs: two unidirectional dense calls a layer, ours without the kernel (`model.recurrence=fused`)
- step loop: an LSTMCell a step with variational dropout on the state, over padded random batches, as it is usually written;
  against ours with it

Lengths are those of SST-2's sentences (from `../shared/data` or TEXTLSTM_DATA) and of BBC News at 256 tokens. Writes
`benchmarks/results/speed.json`.
"""

import argparse
import json
import platform
import statistics
from collections.abc import Sequence
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.ways import ROOT, draw_batches, floor, lengths_of, prediction, seconds_a_token, training_step, ways
from textlstm.training.allocation import keep_freed_memory

RESULTS = ROOT / "benchmarks" / "results" / "speed.json"
BATCHES = {"sst2": 4, "bbc": 1}
"""Of a round."""
SHAPES = [
    *(("sst2", layers, hidden) for hidden in (128, 256) for layers in (1, 2, 4)),
    *(("bbc", layers, 128) for layers in (1, 2, 4)),
]

AGAINST = {
    "packed": "ours",
    "packed, bucketed": "ours",
    "dense pairs": "ours",
    "step loop, recurrent dropout": "ours, recurrent dropout",
}
"""A way -> ours, that it is compared with."""


def measure(data: str, layers: int, hidden: int, rounds: int) -> list[dict[str, Any]]:
    """A row a way."""
    lengths = lengths_of(data)
    if lengths is None:
        return []
    torch.manual_seed(0)
    networks = ways(layers, hidden)
    times: dict[tuple[str, str], list[float]] = {}
    floors = []
    for number in range(rounds + 1):
        batches = draw_batches(lengths, BATCHES[data], number)
        floors.append(floor(layers, hidden))
        for mode, make in (("training", training_step), ("prediction", prediction)):
            for name, (model, kind) in networks.items():
                took = seconds_a_token(make(model), batches[kind])
                if number:  # the first round warms up
                    times.setdefault((mode, name), []).append(took)
    rows = []
    for (mode, name), mine in times.items():
        against = times.get((mode, AGAINST.get(name, "")))
        ratio = None if against is None else statistics.median(a / b for a, b in zip(mine, against, strict=True))
        share = statistics.median(f / t for f, t in zip(floors[1:], mine, strict=True)) if mode == "training" else None
        rows.append(
            {
                "data": data,
                "layers": layers,
                "hidden_size": hidden,
                "mode": mode,
                "way": name,
                "microseconds_a_token": 1e6 * statistics.median(mine),
                "times_slower_than_ours": ratio,
                "share_of_floor": share,
            }
        )
    return rows


def main() -> None:
    """All shapes; a table, and the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one shape and two rounds; nothing is written")
    given = parser.parse_args()
    keep_freed_memory()  # as train.py does; it makes all ways faster
    torch.set_num_threads(given.threads)
    rows = []
    for data, layers, hidden in [("sst2", 2, 128)] if given.quick else SHAPES:
        found = measure(data, layers, hidden, 2 if given.quick else given.rounds)
        Console(width=110).print(_table(data, layers, hidden, found))
        rows += found
    if not given.quick:
        kept = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
        kept[f"threads-{given.threads}"] = {
            "processor": _processor(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "torch": torch.__version__,
            "rows": rows,
        }
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")


def _table(data: str, layers: int, hidden: int, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=f"{data}, {layers} layer(s) of {hidden}", title_justify="left")
    for column in ("", "way", "us a token", "slower than ours", "of the GEMM floor"):
        table.add_column(column, justify="left" if column in ("", "way") else "right")
    for row in rows:
        ratio, share = row["times_slower_than_ours"], row["share_of_floor"]
        table.add_row(
            row["mode"],
            row["way"],
            f"{row['microseconds_a_token']:.1f}",
            "" if ratio is None else f"{ratio:.2f}x",
            "" if share is None else f"{100 * share:.0f}%",
        )
    return table


def markdown(rows: Sequence[dict[str, Any]], mode: str) -> str:
    """A table for `docs/speed.md`: a row a shape, how many times longer each way takes than ours."""
    names = {"packed": "packed", "packed, bucketed": "packed, bucketed", "dense pairs": "dense pairs"}
    names["step loop, recurrent dropout"] = "step loop, with recurrent dropout"
    shares = mode == "training"
    lines = [f"| texts, layers x units | {' | '.join(names.values())} |" + " ours, of the GEMM floor |" * shares]
    lines.append("| --- |" + " --- |" * (len(names) + shares))
    shapes = dict.fromkeys((row["data"], row["layers"], row["hidden_size"]) for row in rows)
    for data, layers, hidden in shapes:
        mine = {
            row["way"]: row
            for row in rows
            if (row["data"], row["layers"], row["hidden_size"], row["mode"]) == (data, layers, hidden, mode)
        }
        cells = [f"{mine[name]['times_slower_than_ours']:.2f}" for name in names]
        cells += [f"{100 * mine['ours']['share_of_floor']:.0f}%"] if shares else []
        lines.append(f"| {data}, {layers} x {hidden} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
