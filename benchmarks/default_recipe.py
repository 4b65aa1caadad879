"""The default run on BBC News: three seeds at each of three splits, test accuracy and training time.

    python -m benchmarks.default_recipe

Resumable: a run whose report stands below `runs/default_recipe/` is not made again. Writes
`benchmarks/results/default_recipe.json`.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "runs" / "default_recipe"


def run(split_seed: int, seed: int) -> dict[str, float]:
    """Train if it was not, and return the figures of the report."""
    folder = RUNS / f"split-{split_seed}_seed-{seed}"
    reports = list(folder.glob("bbc_news/*/report.json"))
    if not reports:
        settings = [f"dataset.split_seed={split_seed}", f"seed={seed}", f"output_dir={folder}"]
        subprocess.run([sys.executable, "train.py", *settings], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        reports = list(folder.glob("bbc_news/*/report.json"))
    report = json.loads(reports[0].read_text())
    return {
        "split_seed": split_seed,
        "seed": seed,
        "validation": report["splits"]["validation"]["accuracy"],
        "test": report["splits"]["test"]["accuracy"],
        "linear_test": report["baseline"]["linear"]["test"]["accuracy"],
        "best_epoch": report["training"]["best_epoch"],
        "seconds": report["training"]["seconds"],
        "threads": report["training"]["threads"],
    }


def main() -> None:
    """Nine runs, one after the other, since two at once would spoil both their times."""
    rows = []
    for split_seed in range(3):
        rows += [run(split_seed, seed) for seed in range(3)]
        mine = rows[-3:]
        print(
            f"split {split_seed}: test {100 * statistics.mean(row['test'] for row in mine):.2f} "
            f"({', '.join(format(100 * row['test'], '.2f') for row in mine)}), "
            f"linear {100 * mine[0]['linear_test']:.2f}, {statistics.mean(row['seconds'] for row in mine):.0f} s",
            flush=True,
        )
    path = ROOT / "benchmarks" / "results" / "default_recipe.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
