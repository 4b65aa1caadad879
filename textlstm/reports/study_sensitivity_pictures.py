"""The pictures of trials with random settings: what more of them give, and where each of them lies."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from textlstm.reports.pictures import BLACK, BLUE, GREEN, GREY, ORANGE, as_percent, to_svg
from textlstm.reports.study_pictures import LevelAxis, house_figure, name_levels, padded, side_by_side

VERMILION, PURPLE, SKY = "#D55E00", "#CC79A7", "#56B4E9"
LOOKS = [
    *((BLUE, "s", "-"), (ORANGE, "o", "--"), (GREEN, "^", "-."), (BLACK, "D", ":")),
    *((VERMILION, "v", "-"), (SKY, "P", "--"), (PURPLE, "X", "-."), (GREY, "*", ":")),
]
"""A line a depth: colour (Okabe and Ito), marker, style."""
MOST_MARKERS = 10


def expected_best_picture(
    rows: Sequence[Mapping[str, Any]], *, names: Sequence[str], noun: str, metric: str, name: str
) -> str:
    """Expected best validation score of n trials, against n, a line a depth."""
    with house_figure() as figure:
        axes = figure.add_subplot()
        for number, (row, text) in enumerate(zip(rows, names, strict=True)):
            color, marker, line = LOOKS[number % len(LOOKS)]
            scores = row["expected_best"]
            counts = np.arange(1, len(scores) + 1)
            every = max(1, len(scores) // MOST_MARKERS)
            axes.plot(counts, scores, color=color, marker=marker, markevery=every, linestyle=line, label=text)
        axes.set(xlabel="trials", ylabel=f"expected best {metric}")
        axes.yaxis.set_major_formatter(as_percent)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        figure.legend(loc="outside upper left", ncols=4, fontsize=9, title=noun, title_fontsize=9, alignment="left")
        return to_svg(figure, name=name, title=f"Expected best validation {metric} by number of trials, a line a depth")


def trial_picture(rows: Sequence[Mapping[str, Any]], *, names: Sequence[str], noun: str, metric: str, name: str) -> str:
    """Validation score of every trial by depth, with the quartiles as a bar."""
    with house_figure() as figure:
        axes = figure.add_subplot()
        for place, row in enumerate(rows):
            scores = [trial["validation"] for trial in row["runs"]]
            x = place - 0.12 + side_by_side(len(scores), 0.18)
            style: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.2, "linestyle": "none"}
            axes.plot(x, scores, color=ORANGE, marker="o", label=None if place else "a trial each", **style)
            low, middle, high = row["quartiles"]
            axes.errorbar(
                place + 0.24,
                middle,
                [[middle - low], [high - middle]],
                color=BLUE,
                marker="s",
                capsize=3,
                label=None if place else "median and quartiles",
            )
        axes.set_ylim(*padded([trial["validation"] for row in rows for trial in row["runs"]]))
        axes.yaxis.set_major_formatter(as_percent)
        axes.set_ylabel(f"validation {metric}")
        name_levels(axes, LevelAxis(names, noun))
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)
        return to_svg(figure, name=name, title=f"Validation {metric} of every trial by depth, with quartiles")
