"""The pictures of a report: SVG text to stand inside an HTML page.

Text stays text, so that it can be searched and copied and the page chooses its font. Equal numbers
give equal SVG. No word of a user's data enters a picture, only numbers and names of ours.
Colours: Okabe and Ito 2008, told apart by the colour-blind; marker and line style differ as well.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from textlstm.reports.wording import metric_name

BLACK, ORANGE, BLUE, GREEN, GREY = "#1a1a1a", "#E69F00", "#0072B2", "#009E73", "#767676"
LINES = {"train": (ORANGE, "o", "--"), "validation": (BLUE, "s", "-")}
MOST_MARKERS = 40
"""Epochs beyond which markers would run into each other."""

ANSWERS_IN_BINS = ("accuracy in the bin", "confidence (probability of the predicted class)", "texts")
SETS_IN_BINS = ("share that has the class", "probability of the class", "share")
"""What a reliability diagram has on its axes, from top to bottom: of single labels, and of sets of them."""

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "textlstm",
    "font.size": 10,
    # Wider than what browsers put in its place, so that what fits here fits there.
    "font.sans-serif": ["DejaVu Sans", "Arial"],
    "text.color": BLACK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": BLACK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "legend.frameon": False,
    "lines.markersize": 4.5,
}


def learning_curve(
    history: Sequence[Mapping[str, Any]],
    *,
    metric: str,
    name: str,
    best_epoch: float | None = None,
    baseline: float | None = None,
    several: bool = False,
) -> str:
    """`metric` of train and validation by epoch; `baseline` is the linear classifier's score on validation, `several`: labels a text."""
    called = metric_name(metric, several=several)
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(4.4, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for split, (color, marker, line) in LINES.items():
            rows = [row for row in history if split in row]
            marker = marker if len(rows) <= MOST_MARKERS else ""
            epochs, values = [row["epoch"] for row in rows], [row[split][metric] for row in rows]
            axes.plot(epochs, values, color=color, marker=marker, linestyle=line, label=split)
        if baseline is not None:
            axes.axhline(baseline, color=BLACK, linewidth=1, linestyle=":", label="linear baseline, validation")
        if best_epoch is not None:
            axes.axvline(best_epoch, color=GREEN, linewidth=1.5, linestyle="-.", label=f"best epoch ({best_epoch:g})")
        axes.set_xlabel("epoch")
        if metric == "loss":
            axes.set_ylabel("loss (nats)")
            axes.set_ylim(0, 1.05 * axes.dataLim.ymax)
        else:
            axes.set_ylabel(called)
            axes.yaxis.set_major_formatter(as_percent)
        last = history[-1]["epoch"]
        axes.set_xlim(0, 1.04 * last)
        # Training may end within its first epoch.
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=last >= 1))
        # Above the axes it can hide no point of a curve.
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)
        return to_svg(figure, name=name, title=f"Learning curve: {called} of train and validation by epoch")


def reliability_diagram(bins: Sequence[Mapping[str, Any]], *, name: str, several: bool = False) -> str:
    """Accuracy against mean confidence of each bin, above the share of texts in it.

    A bin has `low`, `high`, `confidence`, `accuracy`, `examples` and `interval` (of its accuracy). With `several`
    labels a text its examples are texts with a class each, and its accuracy is the share that has the class.
    """
    share, confident, counted = SETS_IN_BINS if several else ANSWERS_IN_BINS
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(4.4, 4.4), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        confidence, accuracy = [row["confidence"] for row in bins], [row["accuracy"] for row in bins]
        # Rounding may put an end of the interval a hair on the wrong side of the accuracy.
        below = [max(row["accuracy"] - row["interval"][0], 0) for row in bins]
        above = [max(row["interval"][1] - row["accuracy"], 0) for row in bins]
        upper.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="perfectly calibrated")
        upper.errorbar(
            confidence, accuracy, (below, above), color=BLUE, marker="o", capsize=3, label="network, 95% interval"
        )
        upper.set(ylabel=share, xlim=(0, 1.02), ylim=(-0.02, 1.02))
        figure.legend(loc="outside upper left", ncols=2, fontsize=9)
        texts = sum(row["examples"] for row in bins)
        widths = [row["high"] - row["low"] for row in bins]
        shares = [row["examples"] / texts for row in bins]
        lower.bar([row["low"] for row in bins], shares, widths, align="edge", color=BLUE, edgecolor="white")
        lower.set(xlabel=confident, ylabel=counted, ylim=(0, 1))
        for axis in (upper.xaxis, upper.yaxis, lower.yaxis):
            axis.set_major_formatter(as_percent)
        return to_svg(figure, name=name, title=f"Reliability diagram: {share} against {confident}")


def as_percent(value: float, _: float) -> str:
    """A tick with as many decimals as it needs."""
    return f"{100 * value:g}%"


def to_svg(figure: Figure, *, name: str, title: str) -> str:
    """The `<svg>` element, all its ids and its style sheet confined to `name`."""
    text = io.StringIO()
    # Without the date and the rest of the metadata equal pictures are equal text.
    figure.savefig(text, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = svg.replace("*{", f"#{name} *{{", 1)
    # Its size is the page's affair; the viewBox keeps the proportions.
    svg = re.sub(
        r'(<svg [^>]*?) width="[^"]*" height="[^"]*"', rf'\1 id="{name}" role="img" aria-label="{title}"', svg, count=1
    )
    return svg.strip()
