"""The tables of a study's page: a column a level, and rows in groups.

A table is a caption, groups of rows and a note; a cell is its number and, below it, its interval.
Rows without any number, and tables without any row, are left out.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from textlstm.reports.study_wording import (
    is_depth,
    level_name,
    loss_interval,
    metric_of,
    points,
    score_name,
    share_interval,
    signed_interval,
    value_of,
)
from textlstm.reports.wording import (
    NONE,
    decimal,
    duration,
    has_several_labels,
    metric_name,
    percent,
    setting,
    short,
    signed,
    whole,
)

Level = Mapping[str, Any]
Cell = tuple[str, str]
Row = tuple[str, list[Cell]]
EMPTY: Cell = (NONE, "")
MOST_SEEDS = 10
"""Beyond which they are not listed one by one."""


class LevelTable(NamedTuple):
    """One table: `groups` maps a heading (empty: none) to rows, `note` says what must be known to read it."""

    caption: str
    groups: dict[str, list[Row]]
    note: str = ""


def score_table(study: Mapping[str, Any], moment: str) -> LevelTable | None:
    """Accuracy, macro-F1 and loss of every split, with the weights of the `best` or the `last` epoch."""
    levels, accuracy = study["depths"], metric_name("accuracy", several=has_several_labels(study))
    forms: dict[str, tuple[str, Callable[[Any], str], Callable[[Any], str]]] = {
        "accuracy": (accuracy.capitalize(), percent, share_interval),
        "macro_f1": ("Macro-F1", percent, share_interval),
        "loss": ("Loss, nats", decimal, loss_interval),
    }
    groups = {}
    for metric, (title, write, write_interval) in forms.items():
        rows = []
        for split in ("train", "validation", "test"):
            found = [((level.get(moment) or {}).get(split) or {}).get(metric) for level in levels]
            rows.append((split, [(write(one.get("mean")), write_interval(one)) if one else EMPTY for one in found]))
        groups[title] = rows
    return level_table(f"Weights of the {moment} epoch", groups)


def comparison_table(study: Mapping[str, Any]) -> LevelTable | None:
    """Differences in the test score from the first level and from the best of the others, with simultaneous intervals."""
    levels = study["depths"]
    first = level_name(study, value_of(levels[0])) if is_depth(study) else "the first value"
    groups = {}
    for key, title in (
        ("against_first", f"Against {first}, points"),
        ("against_best", "Against the best of the others, points"),
    ):
        found = [level.get(key) for level in levels]
        groups[title] = [
            ("difference", [(points(one["difference"]), signed_interval(one)) if one else EMPTY for one in found]),
            ("p", [(probability(one.get("p")), "") if one else EMPTY for one in found]),
        ]
    return level_table(f"Differences in test {score_name(study)}", groups)


def cost_table(levels: Sequence[Level]) -> LevelTable | None:
    """Width, parameters, time, latency, and how many epochs the best weights took."""
    stack = [level.get("stack_parameters") for level in levels]
    rows: list[Row] = [
        ("hidden size", [plain_cell(level.get("hidden_size"), setting) for level in levels]),
        ("parameters", [plain_cell(level.get("parameters"), whole) for level in levels]),
        ("in the stack", [plain_cell(number, whole) for number in stack]),
        ("operations a token", [plain_cell(level.get("operations_per_token"), whole) for level in levels]),
        ("training time", [plain_cell(level.get("training_seconds"), duration) for level in levels]),
        ("latency, ms", [plain_cell(level.get("latency_ms"), short) for level in levels]),
        ("best epoch", [_best_epoch(level.get("best_epoch")) for level in levels]),
    ]
    return level_table("Size and cost", {"": rows})


def gap_table(study: Mapping[str, Any]) -> LevelTable | None:
    """The generalization gap in the score by which levels are compared, and in loss, at both moments."""
    levels, metric, groups = study["depths"], metric_of(study), {}
    for moment in ("best", "last"):
        found = [(level.get("generalization_gap") or {}).get(moment) or {} for level in levels]
        groups[f"Weights of the {moment} epoch"] = [
            (f"{score_name(study)}, points", [_signed(gap.get(metric), 100, 2) for gap in found]),
            ("loss, nats", [_signed(gap.get("loss"), 1, 3) for gap in found]),
        ]
    return level_table("Generalization gap", groups)


def overfitting_table(study: Mapping[str, Any]) -> LevelTable | None:
    """What the verdicts rest on."""
    levels, accuracy = study["depths"], metric_name("accuracy", several=has_several_labels(study))
    found = [level.get("overfitting") or {} for level in levels]
    shallower = [one.get("against_shallower") or {} for one in found]
    groups = {
        "End of training, on validation": [
            ("loss above the lowest, nats", [_signed(one.get("excess_loss"), 1, 3) for one in found]),
            ("error above the best epoch's, points", [_signed(one.get("excess_error"), 100, 2) for one in found]),
        ],
        "End of training, against the column before": [
            ("train loss, nats", [_signed(one.get("train_loss"), 1, 3) for one in shallower]),
            ("validation loss, nats", [_signed(one.get("validation_loss"), 1, 3) for one in shallower]),
            (f"validation {accuracy}, points", [_signed(one.get("validation_accuracy"), 100, 2) for one in shallower]),
        ],
    }
    return level_table("What the verdicts rest on", groups)


def probability(p: float | None) -> str:
    """0.012, or <0.001."""
    if p is None:
        return NONE
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def level_table(caption: str, groups: Mapping[str, list[Row]], note: str = "") -> LevelTable | None:
    """A table without its empty rows; None where nothing is left."""
    kept = {title: [row for row in rows if any(cell != EMPTY for cell in row[1])] for title, rows in groups.items()}
    kept = {title: rows for title, rows in kept.items() if rows}
    return LevelTable(caption, kept, note) if kept else None


def plain_cell(value: Any, write: Callable[[Any], str]) -> Cell:
    """A number without an interval."""
    return EMPTY if value is None else (write(value), "")


def _signed(interval: Mapping[str, Any] | None, scale: float, digits: int) -> Cell:
    if not interval or interval.get("mean") is None:
        return EMPTY
    return signed(scale * interval["mean"], digits), signed_interval(interval, scale=scale, digits=digits)


def _best_epoch(best: Mapping[str, Any] | None) -> Cell:
    if not best or best.get("mean") is None:
        return EMPTY
    by_seed = best.get("by_seed") or []
    return short(best["mean"]), ", ".join(map(short, by_seed)) if 1 < len(by_seed) <= MOST_SEEDS else ""
