"""How much depends on the settings of the recipe at each depth, from the same random trials at every depth.

A trial is one training with settings drawn at random, or several that differ in their seed alone. What is told are validation scores: they are
what one tunes by. Whether depth makes tuning harder is asked of the shallowest and the deepest depth,
once, by how much several trials gain over one (`expected_best.py`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from textlstm.study.differences import differing_settings, grouped
from textlstm.study.expected_best import SEVERAL, compare_gains, expected_best, gain
from textlstm.study.factors import DEPTH, Factor, Level, value_name
from textlstm.study.judging import JudgingSettings
from textlstm.study.runs import Run

NEAR = 0.01
"""Below the depth's best validation score up to which a trial counts as near it (share)."""
FEWEST_TRIALS = 8
"""With fewer no claim is made."""


def sensitivity_section(factor: Factor, names: Sequence[str], judging: JudgingSettings) -> dict[str, Any]:
    """The `sensitivity` of `study.json`, from levels that hold the trials; `names` are the settings drawn."""
    compared = _against_first(factor, names, judging)
    return {
        "metric": judging.metric,
        "names": list(names),
        "several": SEVERAL,
        "near": NEAR,
        "by_depth": [
            _describe(level, names, judging) | {"against_first": found}
            for level, found in zip(factor.levels, compared, strict=True)
        ],
        "answer": _answer(factor, compared, judging),
    }


def sensitivity_reason(factor: Factor, seeds: int) -> str:
    """Why such a study recommends no depth, and what to run for that."""
    depths = ",".join(str(level.value) for level in factor.levels)
    return (
        f"This study tells how sensitive each depth is to its settings, not which depth is best: its {seeds} runs a depth "
        f"differ in more than their seed. For that run python train.py sweep=depth model.layers={depths}, or with "
        "study.tuning=per_depth, which gives each depth a recipe of its own."
    )


def drawn_names(factor: Factor) -> tuple[str, ...]:
    """Settings with several values among the trials of a level."""
    return tuple(dict.fromkeys(name for level in factor.levels for name in differing_settings(level.runs)))


def trials_of(level: Level, names: Sequence[str]) -> list[list[Run]]:
    """The runs of each trial at a level: with one seed, or with all of the study's."""
    return list(grouped(level.runs, *names).values())


def _describe(level: Level, names: Sequence[str], judging: JudgingSettings) -> dict[str, Any]:
    grouped_runs = trials_of(level, names)
    trials = [_trial(runs, names, judging.metric) for runs in grouped_runs]
    scores = np.array([trial["validation"] for trial in trials], float)
    return {
        "value": level.value,
        "trials": len(scores),
        "mean": float(scores.mean()),
        "sd": float(scores.std(ddof=1)) if len(scores) > 1 else None,
        "min": float(scores.min()),
        "max": float(scores.max()),
        "quartiles": [float(value) for value in np.quantile(scores, (0.25, 0.5, 0.75))],
        # A hair more, for a difference of rounded scores.
        "near_best": float((scores >= scores.max() - NEAR - 1e-9).mean()),
        "not_above_chance": float(np.mean([_is_chance(runs) for runs in grouped_runs])),
        "best": trials[int(scores.argmax())],
        "gain": float(gain(scores)),
        "expected_best": [float(expected_best(scores, count)) for count in range(1, len(scores) + 1)],
        "runs": trials,
    }


def _trial(runs: Sequence[Run], names: Sequence[str], metric: str) -> dict[str, Any]:
    return {
        "run": str(runs[0].folder),
        "seeds": [run.seed for run in runs],
        "settings": {name: runs[0].config.get(name) for name in names},
        "validation": _mean(runs, metric),
    }


def _is_chance(runs: Sequence[Run]) -> bool:
    """Whether validation accuracy is not shown to be above that of always giving the most frequent class.

    By a one-sided binomial test at 5%. The share of that class is read off the test split, or is one in
    C classes where a run has no predictions.
    """
    found, accuracy = runs[0].predictions, _mean(runs, "accuracy")
    classes = max(len(runs[0].labels), 1)
    share = 1 / classes if found is None else found.most_frequent_share
    examples = int(runs[0].best["validation"].get("examples") or 0)
    if not examples:
        return accuracy <= share
    return bool(binomtest(round(accuracy * examples), examples, share, alternative="greater").pvalue > 0.05)


def _against_first(factor: Factor, names: Sequence[str], judging: JudgingSettings) -> list[dict[str, Any] | None]:
    """Each later depth against the first, by the trials that both have."""
    tables = [
        {trial: _mean(runs, judging.metric) for trial, runs in grouped(level.runs, *names).items()}
        for level in factor.levels
    ]
    rows: list[dict[str, Any] | None] = [None]
    for table in tables[1:]:
        both = [trial for trial in tables[0] if trial in table]
        pair = [np.array([one[trial] for trial in both]) for one in (tables[0], table)]
        rows.append(
            {"trials": len(both), "gains": [float(gain(scores)) for scores in pair]}
            | compare_gains(*pair, confidence=1 - judging.level)
            if both
            else None
        )
    return rows


def _answer(factor: Factor, compared: Sequence[dict[str, Any] | None], judging: JudgingSettings) -> dict[str, Any]:
    """Whether depth makes tuning harder: the deepest against the shallowest."""
    found = compared[-1]
    if factor.name != DEPTH or found is None:
        return {"verdict": "undecided", "sentence": "There are no two depths with the same trials to compare."}
    low, high, trials = found["low"], found["high"], found["trials"]
    enough = trials >= FEWEST_TRIALS and low is not None
    verdict = "harder" if enough and low > 0 else "easier" if enough and high < 0 else "undecided"
    return {"verdict": verdict, "sentence": _sentence(factor, found, verdict, judging)}


def _sentence(factor: Factor, found: dict[str, Any], verdict: str, judging: JudgingSettings) -> str:
    metric = judging.metric.replace("macro_f1", "macro-F1")
    first, last = (value_name(factor, factor.levels[place].value) for place in (0, -1))
    before, after = (100 * value for value in found["gains"])
    words = (
        f"The best of {SEVERAL} random trials instead of one is expected to gain {after:.1f} points of validation {metric} at {last} "
        f"and {before:.1f} at {first}: a difference of {100 * found['difference']:+.1f} points"
    )
    if found["low"] is not None:
        limits = f"{100 * found['low']:+.1f} to {100 * found['high']:+.1f}"
        words += f" ({100 * (1 - judging.level):g}% interval {limits}, over {found['trials']} trials that both have)"
    ends = {
        "harder": ". So depth makes tuning harder here: more depends on the settings.",
        "easier": ". So depth makes tuning easier here: less depends on the settings.",
        "undecided": ". That depth makes tuning harder, or easier, was not shown.",
    }
    few = f" Fewer than {FEWEST_TRIALS} trials make no claim." if found["trials"] < FEWEST_TRIALS else ""
    return words + ends[verdict] + few


def _mean(runs: Sequence[Run], metric: str) -> float:
    """Mean validation score."""
    return float(np.mean([run.best["validation"][metric] for run in runs]))
