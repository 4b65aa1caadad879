"""How sensitive each depth is to its settings, and which were chosen: on the page and in the terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from rich import box
from rich.table import Table

from textlstm.reports.study_sensitivity_pictures import expected_best_picture, trial_picture
from textlstm.reports.study_tables import EMPTY, Cell, LevelTable, level_table, plain_cell
from textlstm.reports.study_wording import is_about_settings, noun, signed_interval, tuning_of, value_of
from textlstm.reports.wording import (
    NONE,
    duration,
    has_several_labels,
    metric_name,
    percent,
    setting,
    short,
    signed,
    whole,
)

Row = Mapping[str, Any]


def sensitivity_section(study: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the section on sensitivity shows; None where no settings were tried."""
    found = study.get("sensitivity")
    if not found or not found.get("by_depth"):
        return None
    rows, metric = found["by_depth"], _score_name(study, found)
    names = [setting(row["value"]) for row in rows]
    return {
        "sentence": (found.get("answer") or {}).get("sentence"),
        "names": found["names"],
        "metric": metric,
        "several": found.get("several", 5),
        "values": names,
        "pictures": [
            Markup(expected_best_picture(rows, names=names, noun=noun(study), metric=metric, name="expected-best")),
            Markup(trial_picture(rows, names=names, noun=noun(study), metric=metric, name="trials-by-depth")),
        ],
        "table": _spread_table(study, found),
        "trials": _trials(found),
        "several_labels": has_several_labels(study),
        "of_tuning": not is_about_settings(study),
    }


def tuning_table(study: Mapping[str, Any]) -> LevelTable | None:
    """The recipe of each level as its trials chose it, and what they took; None where nothing was tuned."""
    tuning = tuning_of(study)
    if not tuning.get("by_depth"):
        return None
    rows = _by_level(study, tuning["by_depth"])
    names = list(tuning["by_depth"][0]["chosen"])
    recipe = [(noun({"factor": name}), [_chosen(row, name) if row else EMPTY for row in rows]) for name in names]
    rest = _filled(
        rows,
        {
            "its validation score": lambda row: plain_cell(row.get("validation"), percent),
            "trials": lambda row: plain_cell(row.get("trials"), whole),
            "time of all trials": lambda row: plain_cell(row.get("seconds"), duration),
        },
    )
    return level_table("Recipes chosen by validation", {"": [*recipe, *rest]})


def sensitivity_lines(study: Mapping[str, Any]) -> Table | None:
    """The spread of the trials in the terminal: a row a depth."""
    found = study.get("sensitivity")
    if not found or not found.get("by_depth"):
        return None
    metric = _score_name(study, found)
    table = Table(
        title=f"validation {metric} of random settings",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    columns = (noun(study), "trials", "mean", "sd,\npoints", "median", "best", "near\nthe best", "at\nchance")
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in found["by_depth"]:
        table.add_row(
            setting(row["value"]),
            whole(row["trials"]),
            percent(row["mean"], 1),
            NONE if row.get("sd") is None else f"{100 * row['sd']:.1f}",
            percent(row["quartiles"][1], 1),
            percent(row["max"], 1),
            percent(row["near_best"], 0),
            percent(row["not_above_chance"], 0),
        )
    return table


def _spread_table(study: Mapping[str, Any], found: Mapping[str, Any]) -> LevelTable | None:
    rows = _by_level(study, found["by_depth"])
    several = found.get("several", 5)
    scores: dict[str, Callable[[Row], Cell]] = {
        "mean": lambda row: plain_cell(row["mean"], percent),
        "standard deviation, points": lambda row: plain_cell(row.get("sd"), lambda sd: f"{100 * sd:.2f}"),
        "lowest": lambda row: plain_cell(row["min"], percent),
        "quartiles": lambda row: (
            percent(row["quartiles"][1], 1),
            f"{100 * row['quartiles'][0]:.1f}–{100 * row['quartiles'][2]:.1f}",
        ),
        "best": lambda row: plain_cell(row["max"], percent),
        "within a point of the best": lambda row: plain_cell(row["near_best"], lambda share: percent(share, 0)),
        "not above chance": lambda row: plain_cell(row["not_above_chance"], lambda share: percent(share, 0)),
    }
    gains: dict[str, Callable[[Row], Cell]] = {
        "expected gain": lambda row: plain_cell(row.get("gain"), lambda share: signed(100 * share, 2)),
        "against the first": lambda row: _against(row.get("against_first")),
    }
    settings: dict[str, Callable[[Row], Cell]] = {
        noun({"factor": name}): _best_setting(name) for name in found["names"]
    }
    return level_table(
        f"Validation {_score_name(study, found)} over the trials",
        {
            "": _filled(rows, {"trials": lambda row: plain_cell(row["trials"], whole)} | scores),
            f"Best of {several} trials instead of one, points": _filled(rows, gains),
            "Settings of the best trial": _filled(rows, settings),
        },
    )


def _score_name(study: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return metric_name(found.get("metric") or "accuracy", several=has_several_labels(study))


def _best_setting(name: str) -> Callable[[Row], Cell]:
    return lambda row: plain_cell((row["best"]["settings"] or {}).get(name), short_setting)


def _against(found: Row | None) -> Cell:
    return (signed(100 * found["difference"], 2), signed_interval(found)) if found else EMPTY


def _filled(rows: Sequence[Row | None], cells: Mapping[str, Callable[[Row], Cell]]) -> list[tuple[str, list[Cell]]]:
    """Rows of a table by name; empty for levels without trials."""
    return [(name, [write(row) if row else EMPTY for row in rows]) for name, write in cells.items()]


def _by_level(study: Mapping[str, Any], rows: Sequence[Row]) -> list[Row | None]:
    """`rows` in the order of the study's levels."""
    by_value = {setting(row["value"]): row for row in rows}
    return [by_value.get(setting(value_of(level))) for level in study["depths"]]


def _chosen(row: Row, name: str) -> Cell:
    value, tried = row["chosen"].get(name), (row.get("tried") or {}).get(name) or []
    if name not in (row.get("at_edge") or []) or not tried:
        return plain_cell(value, short_setting)
    return short_setting(value), f"{'smallest' if value <= tried[0] else 'largest'} tried"


def _trials(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row a trial: its settings, and by depth its score and its folder; the best mean score first."""
    table: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in found["by_depth"]:
        for trial in row["runs"]:
            values = tuple(short_setting(trial["settings"].get(name)) for name in found["names"])
            entry = table.setdefault(values, {"settings": values, "by_depth": {}})
            entry["by_depth"][setting(row["value"])] = trial
    return sorted(table.values(), key=lambda entry: -_mean(entry["by_depth"].values()))


def _mean(trials: Any) -> float:
    scores = [trial["validation"] for trial in trials]
    return float(sum(scores) / len(scores))


def short_setting(value: Any) -> str:
    """A setting in up to four digits."""
    return short(value) if isinstance(value, float) else setting(value)
