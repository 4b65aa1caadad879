"""A grid on the page and in the terminal: its picture, all its cells, and what holds along a line of equal size."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup
from rich import box
from rich.table import Table

from textlstm.reports.study_grid_picture import grid_picture
from textlstm.reports.study_wording import (
    VERDICTS,
    is_depth,
    level_name,
    name_answer,
    noun,
    points,
    score_name,
    share_interval,
    signed_interval,
)
from textlstm.reports.wording import NONE, duration, middle_cut, percent, setting, short, whole

WIDTH = "model.hidden_size"
LONGEST_NAME = 14


def grid_section(study: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the section on the grid shows; None without a grid."""
    grid = study.get("grid")
    if not grid or not grid.get("cells"):
        return None
    metric, second = score_name(study), second_noun(grid)
    return {
        "title": f"{'Depth' if is_depth(study) else noun(study).capitalize()} and {second}",
        "setting": grid["second"],
        "second": second,
        "chosen": setting(grid["chosen"]),
        "metric": metric,
        "picture": Markup(grid_picture(grid, noun=noun(study), second=second, metric=metric, name="grid-scores")),
        "rows": [_row(cell, grid) for cell in grid["cells"]],
        "best": [_best(study, grid, row) for row in grid.get("best") or []],
        "operations": any(cell.get("operations_per_token") for cell in grid["cells"]),
        "answers": [
            (setting(row["value"]), _answer(study, row["recommendation"])) for row in grid.get("answers") or []
        ],
        "lines": [_along(study, group, second) for group in grid.get("equal_parameters") or []]
        if grid["second"] == WIDTH
        else None,
    }


def second_noun(grid: Mapping[str, Any]) -> str:
    """The second setting in a word: width, or the last part of its name."""
    return "width" if grid["second"] == WIDTH else noun({"factor": grid["second"]})


def grid_table(study: Mapping[str, Any]) -> Table | None:
    """Test scores in the terminal: a row a level, a column a value of the second setting; None without a grid."""
    grid = study.get("grid")
    if not grid or not grid.get("cells"):
        return None
    cells = {(setting(cell["value"]), setting(cell["second"])): cell for cell in grid["cells"]}
    best = max(grid["cells"], key=lambda cell: cell["validation"]["mean"])
    title = f"test {score_name(study)} by {noun(study)} and {second_noun(grid)} (*: best on validation)"
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        # A title is not wider than its table.
        min_width=min(len(title), 80),
    )
    table.add_column(noun(study), overflow="fold", min_width=6)
    for value in grid["second_values"]:
        table.add_column(middle_cut(setting(value), LONGEST_NAME), justify="right")
    for value in grid["values"]:
        row = [cells.get((setting(value), setting(second))) for second in grid["second_values"]]
        texts = [percent(cell["test"]["mean"], 1) + "*" * (cell is best) if cell else NONE for cell in row]
        table.add_row(middle_cut(setting(value), LONGEST_NAME), *texts)
    return table


def count_runs(grid: Mapping[str, Any]) -> int:
    """Those of all cells."""
    return sum(len(cell.get("seeds") or []) for cell in grid["cells"])


def _best(study: Mapping[str, Any], grid: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, str]:
    """A level at its own best value of the second setting, chosen by validation."""
    cell = next(cell for cell in grid["cells"] if (cell["value"], cell["second"]) == (best["value"], best["second"]))
    return {
        "name": level_name(study, cell["value"], 20),
        "second": middle_cut(setting(cell["second"]), 20),
        "test": percent(cell["test"]["mean"]),
        "interval": share_interval(cell["test"]),
    }


def _row(cell: Mapping[str, Any], grid: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the table of cells."""
    return {
        "value": middle_cut(setting(cell["value"]), 20),
        "second": middle_cut(setting(cell["second"]), 20),
        "chosen": setting(cell["second"]) == setting(grid["chosen"]),
        "seeds": len(cell.get("seeds") or []),
        "validation": percent(cell["validation"].get("mean")),
        "test": percent(cell["test"].get("mean")),
        "interval": share_interval(cell["test"]),
        "parameters": whole(cell.get("parameters")),
        "stack": whole(cell.get("stack_parameters")),
        "operations": whole(cell.get("operations_per_token")),
        "time": duration(cell.get("training_seconds")),
        "latency": short(cell.get("latency_ms")),
        "verdict": VERDICTS.get(cell.get("overfitting") or "", VERDICTS["unknown"]),
    }


def _answer(study: Mapping[str, Any], recommendation: Mapping[str, Any]) -> str:
    if recommendation.get("answer") not in ("depth", "equivalent"):
        return "Undecided"
    return name_answer(study, recommendation["answer"], recommendation.get("value"))


def _along(study: Mapping[str, Any], group: Mapping[str, Any], second: str) -> str:
    """A line of equal parameters in words: `99,000 parameters in the stack. 1 layer of width 168: 86.0%; ...`."""
    cells = group["cells"]
    sizes = [cell["stack_parameters"] for cell in cells]
    parts = []
    for cell, mean, against in zip(cells, group["test"], group["against_first"], strict=True):
        words = f"{level_name(study, cell['value'])} of {second} {setting(cell['second'])}: {percent(mean, 1)}"
        if against:
            limits = signed_interval(against)
            words += f" ({points(against['difference'])} points{f', {limits}' if limits else ''})"
        parts.append(words)
    return f"{_range(sizes)} parameters in the stack. {'; '.join(parts)}."


def _range(sizes: Sequence[float]) -> str:
    low, high = min(sizes), max(sizes)
    return whole(low) if low == high else f"{whole(low)} to {whole(high)}"
