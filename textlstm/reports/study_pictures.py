"""The pictures of a study: SVG text in the style of a report's, from the levels of `study.json`.

Levels stand at even distances in their order, whatever their values. Their names are the only words
that are not ours; they are cut, and drawn as text, never as markup or mathematics.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from textlstm.reports.pictures import BLACK, BLUE, GREEN, GREY, LINES, ORANGE, STYLE, as_percent, to_svg
from textlstm.reports.study_wording import has_interval, score_of
from textlstm.reports.wording import metric_name, middle_cut

WASH = "#e6f1f8"
"""Behind the recommended level; the colour that the page gives it in tables."""
LONGEST_NAME = 18
MOST_NAME_LETTERS = 40
"""Letters of all names beyond which they would run into each other if written side by side."""
POINTS = {"best": (BLUE, "s", "best epoch"), "last": (ORANGE, "o", "last epoch")}
BASELINE_LINES = {"baseline": ("--", "linear baseline"), "encoder_baseline": (":", "encoder baseline")}
MOST_MARKERS = 12
LARGE_NUMBERS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))

Level = Mapping[str, Any]


class LevelAxis(NamedTuple):
    """What the levels are called below an axis, and what they are values of.

    `chosen` is the place of the recommended one; only `ordered` ones may be joined by lines. `metric` is
    the score by which they are compared, `several` whether a text may have several labels.
    """

    names: Sequence[str]
    noun: str
    chosen: int | None = None
    ordered: bool = True
    interval: str = "95% interval"
    metric: str = "accuracy"
    several: bool = False

    def called(self, metric: str) -> str:
        """A metric as it is written."""
        return metric_name(metric, several=self.several)


def score_picture(
    levels: Sequence[Level],
    *,
    split: str,
    axis: LevelAxis,
    name: str,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """Score of `split` at the best epoch by level: mean, interval, and every seed as a point.

    `baselines` holds by its name in the study a baseline's score by split. The scale is that of validation and test
    together, so that the two pictures can be compared.
    """
    with house_figure() as figure:
        axes = figure.add_subplot()
        seeds = [score_of(level, split, axis.metric) for level in levels]
        for position, score in enumerate(seeds):
            values = [value for value in score.get("by_seed") or [] if value is not None]
            axes.plot(position - 0.14 + side_by_side(len(values), 0.09), values, **_seed_style(first=position == 0))
        _plot_intervals(
            axes,
            seeds,
            shift=0.14,
            color=BLUE,
            marker="s",
            line="none",
            label=f"mean, {axis.interval}" if any(map(has_interval, seeds)) else "mean",
        )
        known = {kind: scores for kind, scores in (baselines or {}).items() if scores}
        for kind, scores in known.items():
            if split in scores:
                style, label = BASELINE_LINES[kind]
                axes.axhline(scores[split], color=BLACK, linewidth=1.2, linestyle=style, label=label)
        axes.yaxis.set_major_formatter(as_percent)
        axes.set_ylabel(f"{split} {axis.called(axis.metric)}")
        axes.set_ylim(
            *_share_range(levels, axis.metric, [share for scores in known.values() for share in scores.values()])
        )
        name_levels(axes, axis)
        # Two baselines and the rest do not fit into three columns.
        columns = 2 if len(known) > 1 else 3
        figure.legend(loc="outside upper left", ncols=columns, fontsize=9, columnspacing=1.1, handlelength=1.6)
        return to_svg(figure, name=name, title=f"Score of {split} by level: mean, interval and every seed")


def gap_picture(levels: Sequence[Level], *, metric: str, axis: LevelAxis, name: str) -> str:
    """The generalization gap in `metric` by level, at the best epoch and, where known, at the last."""
    with house_figure() as figure:
        axes = figure.add_subplot()
        gaps = {
            moment: [((level.get("generalization_gap") or {}).get(moment) or {}).get(metric) or {} for level in levels]
            for moment in POINTS
        }
        known = [moment for moment, rows in gaps.items() if any(rows)]
        for moment in known:
            color, marker, label = POINTS[moment]
            shift = {"best": -0.1, "last": 0.1}[moment] if len(known) > 1 else 0.0
            line = {"best": "-", "last": "--"}[moment] if axis.ordered else "none"
            _plot_intervals(axes, gaps[moment], shift=shift, color=color, marker=marker, line=line, label=label)
        axes.axhline(0, color=BLACK, linewidth=1)
        if metric == "loss":
            axes.set_ylabel("validation − train (nats)")
        else:
            axes.set_ylabel("train − validation (points)")
            axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
        name_levels(axes, axis)
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)
        return to_svg(figure, name=name, title=f"Generalization gap in {axis.called(metric)} by level, with intervals")


def curve_picture(
    curves: Mapping[str, Any],
    *,
    metric: str,
    axis: LevelAxis,
    name: str,
    number: int,
    limits: tuple[float, float],
    epochs: float,
    best_epoch: float | None,
) -> str:
    """Curves of train and validation of one level: mean over seeds, and their range as a band."""
    with house_figure(2.75, 2.45) as figure:
        axes = figure.add_subplot()
        for split, (color, marker, line) in LINES.items():
            band = (curves.get(split) or {}).get(metric)
            if not band:
                continue
            x = curves["epochs"]
            low, high = (np.asarray(band.get(end) or band["mean"], dtype=float) for end in ("low", "high"))
            axes.fill_between(x, low, high, color=color, alpha=0.22, linewidth=0)
            marker = marker if len(x) <= MOST_MARKERS else ""
            axes.plot(x, np.asarray(band["mean"], dtype=float), color=color, marker=marker, linestyle=line, label=split)
        if best_epoch is not None:
            axes.axvline(best_epoch, color=GREEN, linewidth=1.5, linestyle="-.", label="best epoch")
        axes.set(xlabel="epoch", xlim=(0, 1.04 * epochs), ylim=limits)
        axes.set_ylabel("loss (nats)" if metric == "loss" else axis.called(metric))
        if metric != "loss":
            axes.yaxis.set_major_formatter(as_percent)
        axes.xaxis.set_major_locator(MaxNLocator(6 if epochs >= 1 else 3, integer=epochs >= 1))
        figure.legend(loc="outside upper left", ncols=3, fontsize=8, handlelength=1.6, columnspacing=0.9)
        return to_svg(
            figure, name=name, title=f"Curves of {axis.called(metric)} of train and validation, level {number}"
        )


def cost_picture(levels: Sequence[Level], *, cost: str, label: str, axis: LevelAxis, name: str) -> str:
    """Test score against a cost (a key of the levels, such as `parameters`), each level by its name."""
    with house_figure(2.9, 2.75) as figure:
        axes = figure.add_subplot()
        shown = [(number, level) for number, level in enumerate(levels) if level.get(cost) is not None]
        least, most = (choose((level[cost] for _, level in shown), default=1.0) for choose in (min, max))
        for number, level in shown:
            score = score_of(level, "test", axis.metric)
            if score.get("mean") is None:
                continue
            picked = number == axis.chosen
            axes.errorbar(
                level[cost],
                score["mean"],
                _bars([score]),
                color=BLUE if picked else GREY,
                marker="s" if picked else "o",
                capsize=3,
                markersize=7 if picked else 5,
            )
            text = middle_cut(axis.names[number], LONGEST_NAME)
            # A short name stands above its bar; a long one leans to the middle of the picture.
            side = "center" if len(text) < 4 else "left" if level[cost] <= (least + most) / 2 else "right"
            axes.annotate(
                text,
                (level[cost], score["mean"] if score.get("high") is None else score["high"]),
                (0, 6),
                textcoords="offset points",
                horizontalalignment=side,
                fontsize=9,
                fontweight="bold" if picked else "normal",
            ).set_in_layout(False)
        axes.set(xlabel=label, ylabel=f"test {axis.called(axis.metric)}")
        axes.yaxis.set_major_formatter(as_percent)
        axes.xaxis.set_major_formatter(FuncFormatter(large))
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.margins(y=0.12)
        room = 0.15 * (most - least) or 0.1 * abs(most) or 1.0
        axes.set_xlim(least - room, most + room)
        return to_svg(figure, name=name, title=f"Test score against {cost.replace('_', ' ')}, by level")


def curve_limits(levels: Sequence[Level], metric: str) -> tuple[float, float]:
    """One scale for the curves of all levels, by their means: with two seeds a band may reach anywhere."""
    curves = [((level.get("curves") or {}).get(split) or {}).get(metric) or {} for level in levels for split in LINES]
    means = [value for curve in curves for value in curve.get("mean") or [] if value is not None]
    if metric == "loss":
        return 0.0, 1.08 * max(means, default=1.0) or 1.0
    return padded(means)


@contextmanager
def house_figure(width: float = 4.4, height: float = 3.2) -> Iterator[Figure]:
    """An empty figure in the house's style, in inches."""
    with style.context(["default", STYLE, {"text.parse_math": False}]):
        yield Figure(figsize=(width, height), layout="constrained")


def _plot_intervals(
    axes: Axes, rows: Sequence[Mapping[str, Any]], *, shift: float, color: str, marker: str, line: str, label: str
) -> None:
    """Means with bars from low to high; a row without a mean is left out, one without ends has no bars."""
    known = [(position, row) for position, row in enumerate(rows) if row.get("mean") is not None]
    if not known:
        return
    axes.errorbar(
        [position + shift for position, _ in known],
        [row["mean"] for _, row in known],
        _bars([row for _, row in known]),
        color=color,
        marker=marker,
        linestyle=line,
        capsize=3,
        label=label,
    )


def _bars(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Distances from the means to both ends, `[2, rows]`; zero where an end is not known."""

    def distance(row: Mapping[str, Any], end: str, sign: int) -> float:
        # Rounding may put an end a hair on the wrong side of the mean.
        return max(sign * (row[end] - row["mean"]), 0.0) if row.get(end) is not None else 0.0

    return np.array([[distance(row, "low", -1) for row in rows], [distance(row, "high", 1) for row in rows]])


def _seed_style(*, first: bool) -> dict[str, Any]:
    return {
        "color": ORANGE,
        "marker": "o",
        "linestyle": "none",
        "markerfacecolor": "none",
        "markeredgewidth": 1.3,
        "label": "a seed each" if first else None,
    }


def side_by_side(count: int, half: float) -> np.ndarray:
    """Offsets that keep points of equal height apart."""
    return np.linspace(-half, half, count) if count > 1 else np.zeros(count)


def _share_range(levels: Sequence[Level], metric: str, others: Sequence[float]) -> tuple[float, float]:
    """The range of all scores of validation and test, their seeds and intervals, and of `others`."""
    ends = list(others)
    for level in levels:
        for split in ("validation", "test"):
            score = score_of(level, split, metric)
            ends += [value for value in score.get("by_seed") or [] if value is not None]
            ends += [score[end] for end in ("low", "mean", "high") if score.get(end) is not None]
    return padded(ends)


def padded(shares: Sequence[float]) -> tuple[float, float]:
    """The range of shares, with some room around them."""
    low, high = min(shares, default=0.0), max(shares, default=1.0)
    room = 0.06 * (high - low) or 0.01
    return max(low - room, -0.01), min(high + room, 1.01)


def name_levels(axes: Axes, axis: LevelAxis) -> None:
    """The names of the levels below the axis, and a wash behind the recommended one."""
    cut = [middle_cut(text, LONGEST_NAME) for text in axis.names]
    axes.set_xticks(range(len(cut)), cut)
    if sum(map(len, cut)) > MOST_NAME_LETTERS:
        axes.tick_params(axis="x", rotation=30)
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("right")
    axes.set_xlabel(middle_cut(axis.noun, 40))
    axes.set_xlim(-0.5, len(cut) - 0.5)
    axes.grid(visible=False, axis="x")
    if axis.chosen is not None:
        axes.axvspan(axis.chosen - 0.42, axis.chosen + 0.42, color=WASH, zorder=0)


def large(value: float, _: float = 0) -> str:
    """A number or a tick with k, M or G for thousands, millions, thousands of millions."""
    for size, letter in LARGE_NUMBERS:
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
