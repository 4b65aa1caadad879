"""A grid of small trainings: one process a core with one thread, resumable, its results one JSON file.

A cell that is done stands as a file below `runs/<name>/`: the same command goes on where it was stopped.
"""

import json
import os
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from textlstm.files import write_json

ROOT = Path(__file__).resolve().parent.parent
Cell = dict[str, Any]


def run_grid(
    name: str, cells: Sequence[Cell], function: Callable[[Cell], Cell], workers: int | None = None
) -> list[Cell]:
    """Call `function` for each cell that is not done, then write `benchmarks/results/<name>.json`; return its rows."""
    place = ROOT / "runs" / name
    place.mkdir(parents=True, exist_ok=True)
    left = [cell for cell in cells if not _file(place, cell).is_file()]
    print(f"{len(cells)} cells, {len(cells) - len(left)} done", flush=True)
    context = get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(workers or os.cpu_count(), mp_context=context) as pool:
        running = {pool.submit(function, cell): cell for cell in left}
        for number, future in enumerate(as_completed(running), 1):
            cell = running[future]
            write_json(_file(place, cell), cell | future.result())
            print(f"{number}/{len(left)} {_key(cell)}", flush=True)
    rows = [json.loads(_file(place, cell).read_text()) for cell in cells]
    lines = ",\n".join(json.dumps(row) for row in rows)
    (ROOT / "benchmarks" / "results" / f"{name}.json").write_text(f"[\n{lines}\n]\n")
    return rows


def mean_and_spread(values: Sequence[float], digits: int) -> str:
    """`84.1 ± 0.3`: mean and standard deviation over seeds."""
    return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table in Markdown."""
    for row in [head, ["---"] * len(head), *rows]:
        print(f"| {' | '.join(row)} |")


def _key(cell: Cell) -> str:
    return "_".join(f"{name}-{value}" for name, value in cell.items())


def _file(place: Path, cell: Cell) -> Path:
    return place / f"{_key(cell)}.json"
