"""The levels of a study for `study.json`: what their runs are, cost and score, and how they compare."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from textlstm.study.advice import what_to_try
from textlstm.study.comparisons import against_best, against_first
from textlstm.study.curves import curves
from textlstm.study.estimates import gap_table, score_table
from textlstm.study.factors import DEPTH, SPLIT_SEED, Factor, Level, level_name
from textlstm.study.judging import Judged, JudgingSettings
from textlstm.study.overfitting import Overfitting, judge_overfitting

OF_TRIALS = "Each trial has other settings: overfitting is judged in a study with one recipe."


def describe_levels(judged: Judged, judging: JudgingSettings) -> list[dict[str, Any]]:
    """The entries of `depths`: everything that is known of each level."""
    factor, confidence = judged.factor, 1 - judging.level
    first = against_first(judged.test, confidence=confidence)
    best = against_best(judged.test, confidence=confidence)
    found = verdicts(factor, judging)
    rows = []
    for place, level in enumerate(factor.levels):
        better = _without_fault(factor, found, place, judging.metric)
        advice = what_to_try(
            found[place], level.runs, metric=judging.metric, better=better, varied={factor.name, *factor.along}
        )
        rows.append(
            facts(level, factor)
            | _scores(level, factor, crossed=judged.crossed, confidence=confidence)
            | {
                "overfitting": found[place].as_dict() | {"try": advice},
                "against_first": first[place],
                "against_best": best[place],
                "curves": curves(level.runs, confidence=confidence),
            }
        )
    return rows


def describe_drawn_levels(factor: Factor, judging: JudgingSettings) -> list[dict[str, Any]]:
    """The same for depths whose runs have settings drawn at random: scores over these, and nothing that seeds would tell."""
    rows = []
    for level in factor.levels:
        scores = _scores(level, factor, crossed=False, confidence=1 - judging.level)
        for interval in _intervals(scores):
            interval["from"] = "trials"
        unknown = Overfitting("unknown", None, None, None, None, None, OF_TRIALS).as_dict() | {"try": None}
        rest = {"overfitting": unknown, "against_first": None, "against_best": None, "curves": None}
        rows.append(facts(level, factor) | scores | rest)
    return rows


def facts(level: Level, factor: Factor) -> dict[str, Any]:
    """Which runs a level is made of, how large they are and what they cost."""
    runs, model = level.runs, level.runs[0].model
    epochs = [float(run.training["best_epoch"]) for run in runs if run.training.get("best_epoch") is not None]
    return {
        "value": level.value,
        "layers": runs[0].layers,
        "hidden_size": model.get("hidden_size"),
        "runs": [str(run.folder) for run in runs],
        "seeds": [run.seed for run in runs],
        "split_seeds": [run.config.get(SPLIT_SEED) for run in runs] if len(factor.split_seeds) > 1 else None,
        "parameters": model.get("parameters"),
        "stack_parameters": (model.get("parameters_by_part") or {}).get("stack"),
        "operations_per_token": model.get("operations_per_token"),
        "training_seconds": mean_of([run.training.get("seconds") for run in runs]),
        "latency_ms": mean_of([run.latency_ms for run in runs]),
        "best_epoch": {"mean": mean_of(epochs), "by_seed": epochs},
    }


def verdicts(factor: Factor, judging: JudgingSettings) -> list[Overfitting]:
    """Whether each level overfits. A next shallower depth is there only where depth is what differs."""
    return [
        judge_overfitting(
            level.runs,
            shallower=factor.levels[place - 1].runs if place and factor.name == DEPTH else None,
            thresholds=judging.overfitting,
            confidence=1 - judging.level,
        )
        for place, level in enumerate(factor.levels)
    ]


def mean_of(values: Sequence[float | None]) -> float | None:
    """The mean; None where one is not known, or none is there."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _scores(level: Level, factor: Factor, *, crossed: bool, confidence: float) -> dict[str, Any]:
    found: dict[str, Any] = {
        point: score_table(level.runs, factor, point, crossed=crossed, confidence=confidence)
        for point in ("best", "last")
    }
    found["generalization_gap"] = {
        point: gap_table(level.runs, factor, point, confidence=confidence) for point in ("best", "last")
    }
    return found


def _intervals(scores: dict[str, Any]) -> list[dict[str, Any]]:
    """All intervals of `_scores`, at whatever depth they stand."""
    if "mean" in scores:
        return [scores]
    return [found for part in scores.values() if isinstance(part, dict) for found in _intervals(part)]


def _without_fault(factor: Factor, found: Sequence[Overfitting], place: int, metric: str) -> tuple[str, float] | None:
    """The earlier level without a fault whose validation mean is best, with its mean test score."""
    sound = [k for k in range(place) if found[k].verdict == "none"]
    if not sound:
        return None

    def score(k: int, split: str) -> float:
        return float(np.mean([run.best[split][metric] for run in factor.levels[k].runs]))

    best = max(sound, key=lambda k: score(k, "validation"))
    return level_name(factor, best), score(best, "test")
