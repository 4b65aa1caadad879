"""The picture of a grid: validation chooses the colour, the test score stands in each cell, lines join equal sizes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from textlstm.reports.pictures import BLACK, BLUE, ORANGE, as_percent, to_svg
from textlstm.reports.study_pictures import LONGEST_NAME, house_figure, large
from textlstm.reports.wording import middle_cut, percent, setting

SHADES = LinearSegmentedColormap.from_list("shades", ["#f4f9fc", "#7db8dc", BLUE], N=24)
"""From white to blue, by lightness: told apart without colour. Few steps: more would be drawn as a bitmap."""


class Size(NamedTuple):
    """What is equal along a line: how that is drawn, and what it is called on the line and in the legend."""

    style: Literal["-", "--"]
    color: str
    unit: str
    label: str


SIZES = {
    "stack_parameters": Size("-", BLACK, "parameters", "equal parameters in the stack"),
    "operations_per_token": Size("--", "#7a3b00", "operations", "equal operations a token"),
}
MOST_LINES = 2
"""Of one size; with those of the other there are twice as many."""
MARGIN = 0.15
"""Of the range of a size, on a scale of logarithms, at either end of it: lines there only cut a corner."""
WIDTH = "model.hidden_size"


def grid_picture(grid: Mapping[str, Any], *, noun: str, second: str, metric: str, name: str) -> str:
    """Values of the factor upward, of the second setting to the right; the chosen column is framed."""
    with house_figure(4.8, 3.9) as figure:
        axes = figure.add_subplot()
        shape = len(grid["values"]), len(grid["second_values"])
        scores = _table(grid, lambda cell: cell["validation"]["mean"])
        mesh = axes.pcolormesh(
            np.arange(shape[1]), np.arange(shape[0]), np.ma.masked_invalid(scores), cmap=SHADES, edgecolors="white"
        )
        if np.nanmin(scores) == np.nanmax(scores):
            mesh.set_clim(np.nanmin(scores) - 0.01, np.nanmax(scores) + 0.01)
        lines = _draw_lines(axes, grid) if grid["second"] == WIDTH and min(shape) > 1 else []
        _write_scores(axes, grid, scores)
        chosen = list(map(setting, grid["second_values"])).index(setting(grid["chosen"]))
        frame = Rectangle((chosen - 0.49, -0.49), 0.98, shape[0] - 0.02, fill=False, edgecolor=ORANGE, linewidth=2.5)
        axes.add_patch(frame)
        axes.set_xticks(range(shape[1]), [middle_cut(setting(value), LONGEST_NAME) for value in grid["second_values"]])
        axes.set_yticks(range(shape[0]), [middle_cut(setting(value), LONGEST_NAME) for value in grid["values"]])
        axes.set(xlabel=middle_cut(second, 40), ylabel=middle_cut(noun, 40))
        axes.grid(visible=False)
        _name_shades(figure, axes, mesh, metric)
        handles = [Line2D([], [], color=SIZES[key].color, linestyle=SIZES[key].style) for key in lines]
        handles.append(Line2D([], [], color=ORANGE, linewidth=2.5))
        labels = [SIZES[key].label for key in lines] + ["chosen by validation"]
        figure.legend(handles, labels, loc="outside upper left", ncols=2, fontsize=9, columnspacing=1.1)
        return to_svg(figure, name=name, title=f"Grid of {metric}: validation as shade, test as number")


def round_counts(low: float, high: float, most: int = MOST_LINES) -> list[float]:
    """At most `most` numbers 1, 2 or 5 times a power of ten, well between `low` and `high`; or the middle one."""
    margin = (high / low) ** MARGIN
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    known = [step * 10.0**exponent for exponent in exponents for step in (1, 2, 5)]
    inside = [count for count in known if low * margin <= count <= high / margin]
    if not inside:
        return [float(f"{math.sqrt(low * high):.2g}")]
    places = np.linspace(0, len(inside) - 1, min(most, len(inside))).round().astype(int)
    return [inside[place] for place in places]


def _table(grid: Mapping[str, Any], value: Any) -> np.ndarray:
    """A number a cell [values, second values]; NaN where there is none."""
    table = np.full((len(grid["values"]), len(grid["second_values"])), np.nan)
    rows, columns = (list(map(setting, grid[name])) for name in ("values", "second_values"))
    for cell in grid["cells"]:
        found = value(cell)
        table[rows.index(setting(cell["value"])), columns.index(setting(cell["second"]))] = (
            np.nan if found is None else found
        )
    return table


def _write_scores(axes: Axes, grid: Mapping[str, Any], scores: np.ndarray) -> None:
    """The test mean of each cell, that of the best on validation in bold."""
    tests = _table(grid, lambda cell: cell["test"]["mean"])
    best = np.unravel_index(np.nanargmax(scores), scores.shape)
    for place, score in np.ndenumerate(tests):
        if not np.isnan(score):
            axes.text(
                place[1],
                place[0],
                percent(float(score), 1),
                horizontalalignment="center",
                verticalalignment="center",
                fontsize=9.5,
                fontweight="bold" if place == best else "normal",
                bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.5},
                zorder=5,
            )


def _draw_lines(axes: Axes, grid: Mapping[str, Any]) -> list[str]:
    """Lines along which a size is equal, each with its number; the keys of the sizes that are known."""
    drawn, taken = [], list(np.ndindex(len(grid["values"]), len(grid["second_values"])))
    spots = [(float(column), float(row)) for row, column in taken]
    for key, (style, color, unit, _) in SIZES.items():
        counts = _table(grid, lambda cell, key=key: cell.get(key))
        if np.isnan(counts).sum() > counts.size - 4 or np.nanmin(counts) == np.nanmax(counts):
            continue
        levels = round_counts(float(np.nanmin(counts)), float(np.nanmax(counts)))
        found = axes.contour(
            np.ma.masked_invalid(np.log10(counts)), np.log10(levels), colors=color, linestyles=style, linewidths=1.3
        )
        for level, segments in zip(levels, found.allsegs, strict=True):
            spots += _name_line(axes, segments, f"{large(level)} {unit}", color, spots)
        drawn.append(key)
    return drawn


def _name_line(
    axes: Axes, segments: Sequence[np.ndarray], text: str, color: str, spots: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Write on a line where it is farthest from all that is written already; gives that spot."""
    points = [point for segment in segments for point in _dense(segment)]
    if not points:
        return []
    # Words are wide: what stands beside them must be farther off than what stands above.
    x, y = max(points, key=lambda point: min(math.hypot((point[0] - a) / 1.6, (point[1] - b) * 1.4) for a, b in spots))
    axes.text(
        x,
        y,
        text,
        color=color,
        fontsize=8.5,
        horizontalalignment="center",
        verticalalignment="center",
        bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.8},
        zorder=4,
    )
    return [(x, y)]


def _dense(segment: np.ndarray) -> list[tuple[float, float]]:
    """Points along a line [points, 2], close to one another."""
    if len(segment) < 2:
        return [(float(x), float(y)) for x, y in segment]
    steps = np.linspace(0, len(segment) - 1, 20 * len(segment))
    return list(
        zip(
            *(np.interp(steps, np.arange(len(segment)), segment[:, axis]).tolist() for axis in (0, 1)),
            strict=True,
        )
    )


def _name_shades(figure: Figure, axes: Axes, mesh: Any, metric: str) -> None:
    bar = figure.colorbar(mesh, ax=axes, aspect=18, pad=0.02)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.yaxis.set_major_locator(MaxNLocator(5))
    bar.ax.yaxis.set_major_formatter(as_percent)
    bar.set_label(f"mean validation {metric}")
