"""`study.json`: what a list of finished runs says, as data from which the page and the tables are made.

Shares (and their differences) are 0 to 1, losses nats. An interval is a dict with mean, low, high,
df and from: "seeds and examples", "examples" (one seed), "seeds", or "one seed", which has no limits.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

import textlstm
from textlstm.section import Section
from textlstm.study.advice import what_to_try
from textlstm.study.comparisons import against_best, against_first
from textlstm.study.curves import curves
from textlstm.study.estimates import compare, gap_table, score_table, units, why_not_crossed
from textlstm.study.examples import changed_examples
from textlstm.study.factors import DEPTH, SPLIT_SEED, Factor, find_factor
from textlstm.study.notes import notes
from textlstm.study.overfitting import Overfitting, OverfittingThresholds, judge_overfitting
from textlstm.study.recommendation import one_standard_error, recommend
from textlstm.study.runs import Run, check_comparable, find_runs, read_run
from textlstm.study.spread import Spread

ONE_STANDARD_ERROR = (
    "A heuristic, by validation: the smallest level within one standard error of the best. Where all "
    "levels are equal it picks the first in only about half of the studies."
)


class JudgingSettings(Section):
    """How a study is judged."""

    factor: str | None = Field(None, description="setting that the study is about; null finds the one that differs")
    metric: Literal["accuracy", "macro_f1"] = Field("accuracy", description="score by which levels are compared")
    margin: float = Field(0.005, gt=0, lt=1, description="difference below which levels count as equivalent (share)")
    level: float = Field(0.05, gt=0, le=0.2, description="chance of a wrong claim; intervals hold with 1 minus it")
    overfitting: OverfittingThresholds = Field(
        OverfittingThresholds(), description="thresholds of the overfitting verdict"
    )


def summarize_folders(folders: Sequence[Path], **options: Any) -> dict[str, Any]:
    """`summarize` for all finished runs at or below `folders`."""
    return summarize([read_run(folder) for folder in find_runs(folders)], **options)


def summarize(
    runs: Sequence[Run],
    *,
    name: str = "study",
    judging: JudgingSettings | None = None,
    tuning: Literal["none", "per_depth"] = "none",
    failed: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The content of `study.json`. `failed`: runs without a report, as {"run", "error"}."""
    judging = judging or JudgingSettings()
    check_comparable(runs)
    runs, repeated = _without_copies(runs)
    factor = find_factor(runs, name=judging.factor)
    missing = why_not_crossed(factor)
    test = compare(factor, judging.metric, crossed=missing is None)
    validation = [
        units(level.runs, [run.best["validation"][judging.metric] for run in level.runs], factor)
        for level in factor.levels
    ]
    means = np.array([values.mean() for values in validation])
    answer = recommend(
        test,
        means,
        name=lambda place: level_name(factor, place),
        margin=judging.margin,
        level=judging.level,
        order=("shallower", "deeper") if factor.name == DEPTH else ("earlier", "later"),
    )
    heuristic = one_standard_error(validation)
    levels = _levels(factor, test, judging, crossed=missing is None)
    return {
        "study": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "textlstm_version": textlstm.__version__,
        "commits": sorted({run.commit for run in runs}, key=str),
        "dataset": runs[0].dataset,
        "labels": list(runs[0].labels),
        "factor": factor.name,
        "factors": _factors(factor),
        "along": factor.along,
        "tuning": tuning,
        "metric": judging.metric,
        "notes": notes(
            runs, factor, tuning=tuning, seeds=int(test.seeds.min()), why_seeds=missing, copies=repeated, failed=failed
        ),
        "recommendation": answer.as_dict()
        | {"layers": _shown(factor, answer.place), "value": _value(factor, answer.place)},
        "one_standard_error": {
            "layers": _shown(factor, heuristic),
            "value": _value(factor, heuristic),
            "note": ONE_STANDARD_ERROR,
        },
        "thresholds": judging.overfitting.model_dump(),
        "depths": levels,
        "examples": _examples(factor, means) if missing is None else None,
        "settings": factor.shared,
        "failed": [dict(each) for each in failed],
    }


def level_name(factor: Factor, place: int) -> str:
    """In words: depth 2, training.learning_rate 0.001."""
    value = factor.levels[place].value
    return f"depth {value}" if factor.name == DEPTH else f"{factor.name}={value}"


def _levels(factor: Factor, test: Spread, judging: JudgingSettings, *, crossed: bool) -> list[dict[str, Any]]:
    confidence = 1 - judging.level
    first, best = against_first(test, confidence=confidence), against_best(test, confidence=confidence)
    found: list[Overfitting] = []
    rows = []
    for place, level in enumerate(factor.levels):
        runs = level.runs
        # A next shallower depth is there only where depth is what differs.
        shallower = factor.levels[place - 1].runs if place and factor.name == DEPTH else None
        found.append(
            judge_overfitting(runs, shallower=shallower, thresholds=judging.overfitting, confidence=confidence)
        )
        advice = what_to_try(
            found[-1], runs, better=_without_fault(factor, found, place), varied={factor.name, *factor.along}
        )
        epochs = [float(run.training["best_epoch"]) for run in runs if run.training.get("best_epoch") is not None]
        rows.append(
            {
                "value": level.value,
                "layers": runs[0].layers,
                "hidden_size": runs[0].model.get("hidden_size"),
                "runs": [str(run.folder) for run in runs],
                "seeds": [run.seed for run in runs],
                "split_seeds": [run.config.get(SPLIT_SEED) for run in runs] if len(factor.split_seeds) > 1 else None,
                "parameters": runs[0].model.get("parameters"),
                "stack_parameters": (runs[0].model.get("parameters_by_part") or {}).get("stack"),
                "training_seconds": _mean([run.training.get("seconds") for run in runs]),
                "latency_ms": _mean([run.latency_ms for run in runs]),
                "best_epoch": {"mean": _mean(epochs), "by_seed": epochs},
                "best": score_table(runs, factor, "best", crossed=crossed, confidence=confidence),
                "last": score_table(runs, factor, "last", crossed=crossed, confidence=confidence),
                "generalization_gap": {
                    point: gap_table(runs, factor, point, confidence=confidence) for point in ("best", "last")
                },
                "overfitting": found[-1].as_dict() | {"try": advice},
                "against_first": first[place],
                "against_best": best[place],
                "curves": curves(runs, confidence=confidence),
            }
        )
    return rows


def _without_fault(factor: Factor, found: Sequence[Overfitting], place: int) -> tuple[str, float] | None:
    """The earlier level without a fault whose validation mean is best, with its mean test accuracy."""
    sound = [k for k in range(place) if found[k].verdict == "none"]
    if not sound:
        return None
    best = max(sound, key=lambda k: _accuracy(factor.levels[k].runs, "validation"))
    return level_name(factor, best), _accuracy(factor.levels[best].runs, "test")


def _examples(factor: Factor, validation: np.ndarray) -> dict[str, Any] | None:
    """The first level beside the one with the best validation mean of the others."""
    if len(factor.levels) < 2:
        return None
    best = 1 + int(validation[1:].argmax())
    changed = changed_examples(factor.levels[0].runs, factor.levels[best].runs)
    return changed and {"compared": [factor.levels[0].value, factor.levels[best].value], **changed}


def _factors(factor: Factor) -> dict[str, list[Any]]:
    """The values of what was swept, by name."""
    seeds = sorted({run.seed for level in factor.levels for run in level.runs})
    splits = {SPLIT_SEED: list(factor.split_seeds)} if len(factor.split_seeds) > 1 else {}
    return {factor.name: [level.value for level in factor.levels], "seed": seeds, **splits}


def _without_copies(runs: Sequence[Run]) -> tuple[list[Run], int]:
    """Of runs with equal settings and seed the newest: the same network twice is no second seed."""
    kept: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.created):
        kept[run.identity()] = run
    return [run for run in runs if any(run is other for other in kept.values())], len(runs) - len(kept)


def _shown(factor: Factor, place: int | None) -> int | None:
    """The recommended depth; None where the study is about something else, see `value`."""
    return factor.levels[place].runs[0].layers if place is not None and factor.name == DEPTH else None


def _value(factor: Factor, place: int | None) -> Any:
    return None if place is None else factor.levels[place].value


def _accuracy(runs: Sequence[Run], split: str) -> float:
    return float(np.mean([run.best[split]["accuracy"] for run in runs]))


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
