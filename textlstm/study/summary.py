"""`study.json`: what a list of finished runs says, as data from which the page and the tables are made.

Shares (and their differences) are 0 to 1, losses nats. An interval is a dict with mean, low, high,
df and from: "seeds and examples", "examples" (one seed), "seeds", "trials" (settings drawn at random),
or "one seed", which has no limits.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

import textlstm
from textlstm.study.examples import changed_examples
from textlstm.study.factors import SPLIT_SEED, Factor, find_factor
from textlstm.study.grid import Grid, grid_section, make_grid
from textlstm.study.judging import Judged, JudgingSettings, judge, shown_layers, shown_value
from textlstm.study.levels import describe_drawn_levels, describe_levels
from textlstm.study.notes import notes
from textlstm.study.recommendation import Recommendation, one_standard_error
from textlstm.study.runs import Run, check_comparable, find_runs, find_trials, read_run
from textlstm.study.sensitivity import sensitivity_reason, sensitivity_section
from textlstm.study.shared_facts import shared_facts
from textlstm.study.tuning import UNTUNED, trials_by_level, tuning_section

__all__ = ["JudgingSettings", "summarize", "summarize_folders"]

ONE_STANDARD_ERROR = (
    "A heuristic, by validation: the smallest level within one standard error of the best. Where all "
    "levels are equal it picks the first in only about half of the studies."
)


def summarize_folders(folders: Sequence[Path], **options: Any) -> dict[str, Any]:
    """`summarize` for all finished runs at or below `folders`, with the trials of their tuning."""
    trials = [read_run(folder) for folder in find_trials(folders)]
    return summarize([read_run(folder) for folder in find_runs(folders)], trials=trials, **options)


def summarize(
    runs: Sequence[Run],
    *,
    name: str = "study",
    judging: JudgingSettings | None = None,
    trials: Sequence[Run] = (),
    failed: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The content of `study.json`.

    trials: by which each depth got its recipe, apart from its runs. failed: runs without a report, as {"run", "error"}.
    """
    judging = judging or JudgingSettings()
    check_comparable([*runs, *trials])
    runs, repeated = _without_copies(runs)
    whole = find_factor(runs, name=judging.factor)
    grid = make_grid(whole, judging) if whole.second else None
    factor = grid.at.factor if grid else whole
    trials = grid.here(trials) if grid else trials
    tuning = tuning_section(trials, factor, judging) if trials and not whole.drawn else UNTUNED
    of_grid = grid_section(whole, grid, judging) if grid else None
    judged = None if whole.drawn else grid.at if grid else judge(factor, judging)
    said = notes(
        factor,
        tuning=tuning,
        grid=of_grid,
        why_seeds=judged.why_seeds if judged else None,
        copies=repeated,
        failed=failed,
    )
    return {
        "study": name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "textlstm_version": textlstm.__version__,
        "commits": sorted({run.commit for run in runs}, key=str),
        "dataset": runs[0].dataset,
        "labels": list(runs[0].labels),
        "problem_type": runs[0].problem_type,
        **shared_facts(runs),
        "factor": factor.name,
        "factors": _factors(whole),
        "along": factor.along,
        "metric": judging.metric,
        "notes": said,
        **(_compared(judged, grid, judging) if judged else _only_tried(factor, judging)),
        "grid": of_grid,
        "sensitivity": _sensitivity(factor, trials, tuning, judging),
        "tuning": tuning,
        "thresholds": judging.overfitting.model_dump(),
        "settings": factor.shared,
        "failed": [dict(each) for each in failed],
    }


def _compared(judged: Judged, grid: Grid | None, judging: JudgingSettings) -> dict[str, Any]:
    """The answer, the levels and the examples of a study that compares its levels."""
    factor, answer = judged.factor, judged.as_dict()
    if grid:
        answer |= {"reason": f"{answer['reason']} All this at {grid.name}, which validation chose."}
    heuristic = one_standard_error(judged.validation)
    return {
        "recommendation": answer,
        "one_standard_error": {
            "layers": shown_layers(factor, heuristic),
            "value": shown_value(factor, heuristic),
            "note": ONE_STANDARD_ERROR,
        },
        "depths": describe_levels(judged, judging),
        "examples": _examples(factor, judged.means) if judged.crossed else None,
    }


def _only_tried(factor: Factor, judging: JudgingSettings) -> dict[str, Any]:
    """The same of a study that tries settings at random: it recommends no depth."""
    count = min(len(level.runs) for level in factor.levels)
    reason = sensitivity_reason(factor, count)
    answer = Recommendation("undecided", None, reason, judging.margin, judging.level, 1, None, None)
    return {
        "recommendation": answer.as_dict() | {"layers": None, "value": None},
        "one_standard_error": {"layers": None, "value": None, "note": ONE_STANDARD_ERROR},
        "depths": describe_drawn_levels(factor, judging),
        "examples": None,
    }


def _sensitivity(
    factor: Factor, trials: Sequence[Run], tuning: Mapping[str, Any], judging: JudgingSettings
) -> dict[str, Any] | None:
    """From the runs themselves where their settings are drawn at random, else from the trials of the tuning."""
    if factor.drawn:
        return sensitivity_section(factor, factor.drawn, judging)
    if tuning["mode"] == "none":
        return None
    return sensitivity_section(trials_by_level(trials, factor), list(tuning["by_depth"][0]["chosen"]), judging)


def _examples(factor: Factor, validation: np.ndarray) -> dict[str, Any] | None:
    """The first level beside the one with the best validation mean of the others."""
    if len(factor.levels) < 2:
        return None
    best = 1 + int(validation[1:].argmax())
    changed = changed_examples(factor.levels[0].runs, factor.levels[best].runs)
    return changed and {"compared": [factor.levels[0].value, factor.levels[best].value], **changed}


def _factors(factor: Factor) -> dict[str, list[Any]]:
    """The values of what was swept, by name."""
    seeds = sorted({run.seed for run in factor.runs})
    second = {factor.second.name: list(factor.second.values)} if factor.second else {}
    drawn = {name: sorted({run.config[name] for run in factor.runs}) for name in factor.drawn}
    splits = {SPLIT_SEED: list(factor.split_seeds)} if len(factor.split_seeds) > 1 else {}
    return {factor.name: [level.value for level in factor.levels], **second, **drawn, "seed": seeds, **splits}


def _without_copies(runs: Sequence[Run]) -> tuple[list[Run], int]:
    """Of runs with equal settings and seed the newest: the same network twice is no second seed."""
    kept: dict[str, Run] = {}
    for run in sorted(runs, key=lambda run: run.created):
        kept[run.identity()] = run
    return [run for run in runs if any(run is other for other in kept.values())], len(runs) - len(kept)
