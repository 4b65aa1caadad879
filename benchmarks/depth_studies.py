"""How deep should it be? Five studies on real texts: the results behind `docs/depth.md`.

    python -m benchmarks.depth_studies              # all that are missing; about two and a half hours of one core
    python -m benchmarks.depth_studies trec6-width  # one of them

Each is one command of `train.py` and goes on where it was stopped. Depths 1 to 4, seeds 0 to 4, a fixed number of
epochs, one thread a run. TREC-6 and SST-2's sentences come from `../shared/data` or the folder in TEXTLSTM_DATA, with 100-d
GloVe; at equal width every layer has 64 units a direction, at equal parameters the stacks have as many as two layers of 64.
Writes `benchmarks/results/depth_studies/NAME.json`: the study without its curves and texts.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "depth_studies"
RUNS = "runs/depth_studies"
DATA = Path(os.environ.get("TEXTLSTM_DATA", ROOT.parent / "shared" / "data"))
SPLITS = {"trec6": ("train", "test"), "sst2": ("train", "validation", "test")}

SHORT_TEXTS = (
    *("embedding=glove", f"embedding.path={DATA / 'glove.6B.100d.top150k.txt.gz'}", "regularization=awd"),
    *("training.batch_size=64", "training.epochs=10"),
)
WIDTH = ("model.hidden_size=64",)
PARAMETERS = ("model.match=parameters", "model.match_to.layers=2", "model.match_to.hidden_size=64")

LEFT_OUT = {"curves", "runs", "split_seeds"}
"""Of a depth: what is large, or holds for the folders of its runs alone."""


def files(data: str) -> list[str]:
    """The overrides that read a data set of the data folder."""
    given = [f"dataset.{split}={DATA / data / split}.csv" for split in SPLITS[data]]
    return ["dataset=files", f"dataset.name={data}", "dataset.deduplicate=none", *given]


STUDIES: dict[str, list[str]] = {
    "trec6-width": [*files("trec6"), *SHORT_TEXTS, *WIDTH],
    "trec6-parameters": [*files("trec6"), *SHORT_TEXTS, *PARAMETERS],
    "sst2-width": [*files("sst2"), *SHORT_TEXTS, *WIDTH],
    "sst2-parameters": [*files("sst2"), *SHORT_TEXTS, *PARAMETERS],
    "bbc-width": [],
}
"""Name -> overrides; BBC News with the default recipe."""


def run(name: str) -> None:
    """Carry out one study, as far as it is not done, and keep its results."""
    command = [sys.executable, "train.py", "sweep=depth", f"study={name}", f"output_dir={RUNS}", *STUDIES[name]]
    subprocess.run(command, cwd=ROOT, check=True)
    keep(name, json.loads((ROOT / RUNS / name / "study.json").read_text()))


def keep(name: str, study: dict[str, Any]) -> None:
    """Write the results of a study in small."""
    small = {key: value for key, value in study.items() if key not in ("examples", "labels", "failed")}
    small["depths"] = [{k: v for k, v in level.items() if k not in LEFT_OUT} for level in study["depths"]]
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(_rounded(small), separators=(",", ":")) + "\n")


def load() -> dict[str, dict[str, Any]]:
    """The results that are there, by name."""
    return {name: json.loads(path.read_text()) for name in STUDIES if (path := RESULTS / f"{name}.json").is_file()}


def markdown(study: dict[str, Any]) -> str:
    """The table of one study, as it stands in `docs/depth.md`."""
    lines = [
        "| layers | hidden size | weights of the stack | training, s | latency, ms | train, last | validation | test | its 95% interval | against depth 1 | excess loss | overfits |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for level in study["depths"]:
        test, first = level["best"]["test"]["accuracy"], level["against_first"]
        cells = [
            level["layers"],
            level["hidden_size"],
            f"{level['stack_parameters']:,}",
            f"{level['training_seconds']:.0f}",
            f"{level['latency_ms']:.1f}",
            f"{100 * level['last']['train']['accuracy']['mean']:.1f}",
            f"{100 * level['best']['validation']['accuracy']['mean']:.1f}",
            f"{100 * test['mean']:.1f}",
            f"{100 * test['low']:.1f} to {100 * test['high']:.1f}",
            f"{_signed(first['difference'])} ({_signed(first['low'])} to {_signed(first['high'])})" if first else "",
            f"{level['overfitting']['excess_loss']['mean']:.2f}",
            level["overfitting"]["verdict"],
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def _signed(share: float) -> str:
    """In points, always with its sign."""
    return f"{100 * share + 0.0:+.1f}"


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_rounded(entry) for entry in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main() -> None:
    """The studies that are named, or all; then tables of all that are there."""
    names = sys.argv[1:] or list(STUDIES)
    if unknown := set(names) - set(STUDIES):
        sys.exit(f"No study {', '.join(sorted(unknown))}. There are {', '.join(STUDIES)}.")
    for name in names:
        run(name)
    for name, study in load().items():
        answer = study["recommendation"]
        print(f"{name}: {answer['answer']}. {answer['reason']}\n\n{markdown(study)}")


if __name__ == "__main__":
    main()
