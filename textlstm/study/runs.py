"""Finished runs, read from their folders: `report.json`, and `predictions.parquet` where it stands.

The trials by which each depth got its recipe lie in a folder `tuning` of their own: they are found
apart from the runs that the study reports.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textlstm.errors import UserError
from textlstm.study.predictions import Predictions, read_predictions

REPORT = "report.json"
TUNING = "tuning"
"""Folder of a study with the trials of each depth."""
SPLITS = ("train", "validation", "test")
METRICS = ("accuracy", "macro_f1", "loss")
ABOUT_EXECUTION = {
    *("output_dir", "debug", "resume", "explain", "baseline", "sweep"),
    *("training.threads", "training.device"),
}
"""Settings that say where or how a run was carried out; all of `study.*` besides."""


@dataclass(frozen=True)
class Run:
    """A finished run. `best`, `last` and the baselines hold scores by split and metric; `config` has dotted names."""

    folder: Path
    seed: int
    config: dict[str, Any]
    dataset: str
    labels: tuple[str, ...]
    problem_type: str
    fingerprint: str | None
    best: dict[str, dict[str, float]]
    last: dict[str, dict[str, float]] | None
    history: list[dict[str, Any]]
    model: dict[str, Any]
    training: dict[str, Any]
    latency_ms: float | None
    baseline: dict[str, dict[str, float]]
    encoder_baseline: dict[str, dict[str, float]]
    version: str | None
    commit: str | None
    created: str
    predictions: Predictions | None

    @property
    def layers(self) -> int:
        """Depth of the stack."""
        return int(self.model.get("layers", self.config.get("model.layers", 0)))

    def identity(self) -> str:
        """Equal for runs that would give the same network: settings, seed, data."""
        settings = {name: value for name, value in self.config.items() if not is_about_execution(name)}
        return json.dumps([settings, self.seed, self.fingerprint], sort_keys=True, default=str)

    def at_end(self, split: str) -> dict[str, float] | None:
        """Scores at the end of the budget; of older runs those of the last epoch in the history."""
        if self.last is not None:
            return self.last.get(split)
        return self.history[-1].get(split) if self.history else None


def find_runs(folders: Sequence[Path]) -> list[Path]:
    """Folders of all finished runs at or below `folders`, in order and each once.

    Evaluations of runs are left out, and trials, unless their own folder is given.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            raise UserError(
                f"{folder} is no folder.\nGive the folder of a study, as runs/NAME.\nStart one with python train.py sweep=depth."
            )
        for report in sorted(folder.glob(f"**/{REPORT}")):
            run = report.parent
            is_evaluation = run.parent.name == "evaluation" and (run.parent.parent / REPORT).is_file()
            if not is_evaluation and TUNING not in run.relative_to(folder).parts[:-1]:
                found.setdefault(run.resolve(), run)
    if not found:
        raise UserError(
            f"No finished run below {', '.join(map(str, folders))}.\nA finished run has a {REPORT}.\nStart a study with python train.py sweep=depth."
        )
    return list(found.values())


def find_trials(folders: Sequence[Path]) -> list[Path]:
    """Folders of the finished trials of the studies at or below `folders`, in order and each once; often none."""
    reports = [report for folder in folders for report in sorted(folder.glob(f"**/{TUNING}/*/{REPORT}"))]
    return list({report.parent.resolve(): report.parent for report in reports}.values())


def read_run(folder: Path) -> Run:
    """The run in `folder`; a `UserError` names what its report lacks."""
    path = folder / REPORT
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as JSON.\nCopy the run again, or train anew.") from error
    try:
        best = _scores(report["splits"], path, required=True)
        return Run(
            folder=folder,
            seed=int(report["seed"]),
            config=flatten(report["config"]),
            dataset=str(report.get("dataset") or report["config"].get("dataset", {}).get("name", "")),
            labels=tuple(report.get("labels") or ()),
            problem_type=str(report.get("problem_type") or "single_label_classification"),
            fingerprint=(report.get("data") or {}).get("fingerprint"),
            best=best,
            last=_scores(report["last_splits"], path) if report.get("last_splits") else None,
            history=report.get("history") or [],
            model=report.get("model") or {},
            training=report.get("training") or {},
            latency_ms=report.get("latency_ms"),
            baseline=(report.get("baseline") or {}).get("linear") or {},
            encoder_baseline=(report.get("baseline") or {}).get("encoder") or {},
            version=report.get("textlstm_version"),
            commit=report.get("commit"),
            created=str(report.get("created") or ""),
            predictions=read_predictions(folder / "predictions.parquet", report.get("labels") or []),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is no report of a training: {error} is missing or of another kind.\nIt needs splits, seed and config.\nGive folders of finished runs."
        ) from error


def check_comparable(runs: Sequence[Run]) -> None:
    """Refuse runs that cannot be one study: other data, or other classes.

    Settings `dataset.*` that differ may explain other data (`dataset.split_seed`, a share of the
    training texts): then only data set and classes must agree.
    """
    for what, values in (
        ("data set", {run.dataset: run for run in runs}),
        ("classes", {run.labels: run for run in runs}),
        ("data fingerprint", {} if _explained(runs) else {run.fingerprint: run for run in runs if run.fingerprint}),
    ):
        if len(values) > 1:
            first, second = list(values.values())[:2]
            raise UserError(
                f"Runs with different {what} are not one study: {first.folder} and {second.folder}.\nAll runs of a study have the same data.\nGive the folder of one study, or start it anew on the present data."
            )


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by their dotted names."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def is_about_execution(name: str) -> bool:
    """Whether a setting only says where or how a run was carried out."""
    return name in ABOUT_EXECUTION or name.split(".")[0] == "study"


def _explained(runs: Sequence[Run]) -> bool:
    """Whether runs with other data also have other settings of the data."""
    by_data: dict[Any, set[str]] = {}
    for run in runs:
        settings = {name: value for name, value in run.config.items() if name.startswith("dataset.")}
        by_data.setdefault(run.fingerprint, set()).add(json.dumps(settings, sort_keys=True))
    return all(not (a & b) for i, a in enumerate(by_data.values()) for b in list(by_data.values())[:i])


def _scores(splits: Mapping[str, Any], path: Path, *, required: bool = False) -> dict[str, dict[str, float]]:
    """Scores by split, every one a finite number."""
    if required and not {"validation", "test"} <= set(splits):
        raise KeyError("splits.validation or splits.test")
    for split, scores in splits.items():
        for metric in METRICS:
            value = scores.get(metric)
            if metric != "macro_f1" and (not isinstance(value, int | float) or not math.isfinite(value)):
                raise UserError(
                    f"{path}: splits.{split}.{metric} is {value}.\nScores are finite numbers.\nTrain this run anew, with a lower training.learning_rate if it diverged."
                )
    return {split: dict(scores) for split, scores in splits.items()}
