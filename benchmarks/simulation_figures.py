"""The figures of `docs/simulation.md`, from `benchmarks/results/study_simulation.json`.

    python -m benchmarks.simulation_figures

Writes `docs/simulation_*.svg` in a few seconds. Equal results give equal files; each carries the digest
of the results that it was made from. Colours: Okabe and Ito 2008; marker or hatching differ as well.
Bars on a point are its Monte-Carlo error: 95% limits of a share (Wilson 1927).
"""

import hashlib
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from benchmarks.study_simulation import SEED_SD, TRUTHS, is_wrong
from textlstm.reports.pictures import BLACK, BLUE, GREY, ORANGE, STYLE

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "study_simulation.json"
DOCS = ROOT / "docs"

COVERAGE = (0.925, 0.99)
"""Asked of 95% intervals."""
MOST_WRONG = 0.05
LEAST_RIGHT = {5: 0.65, 10: 0.9}
"""Asked by seeds, where the best depth is two standard deviations above every shallower one."""
BY_SEEDS = {5: (ORANGE, "o"), 10: (BLUE, "s")}
BY_EXAMPLES = {200: (ORANGE, "o"), 2000: (BLUE, "s"), 25_000: (BLACK, "^")}
RED, WASH = "#D55E00", "#e6f1f8"
ANSWERS: dict[str, dict[str, Any]] = {
    "depth: the best one": {"facecolor": BLUE},
    "depth: a deeper one is better still": {"facecolor": "#56B4E9"},
    "equivalent": {"facecolor": "#F0E442", "hatch": "/////", "edgecolor": "#8a8000"},
    "undecided": {"facecolor": "#dcdcdc"},
    "wrong, of either kind": {"facecolor": RED},
}

Results = Mapping[str, Any]
Row = Mapping[str, Any]
percent = FuncFormatter(lambda share, _: f"{100 * share:g}%")


def main() -> None:
    """All figures."""
    results = json.loads(RESULTS.read_text())
    for name in FIGURES:
        path = DOCS / f"simulation_{name}.svg"
        path.write_text(picture(name, results), encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


def picture(name: str, results: Results) -> str:
    """The SVG text of one of `FIGURES`."""
    text = io.StringIO()
    with style.context(["default", STYLE, {"font.size": 9, "axes.titlesize": 9, "hatch.linewidth": 0.7}]):
        FIGURES[name](results).savefig(
            text, format="svg", metadata={"Date": None, "Description": f"results {digest(results)}"}
        )
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def digest(results: Results) -> str:
    """Short name of the results, apart from how long they took."""
    counted = {part: rows for part, rows in results.items() if part != "processor_seconds"}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()[:12]


def monte_carlo(share: float, studies: int) -> tuple[float, float]:
    """95% limits of a share of so many simulated studies (Wilson 1927)."""
    z, size = 1.959964, 1 + 1.959964**2 / studies
    middle = (share + z**2 / (2 * studies)) / size
    half = z * math.sqrt(share * (1 - share) / studies + (z / (2 * studies)) ** 2) / size
    return max(0.0, middle - half), min(1.0, middle + half)


def means_of(row: Row) -> np.ndarray:
    """True means of the depths in standard deviations over seeds; with a diverged seed all are equal."""
    return np.array(TRUTHS.get(row["truth"], TRUTHS["all equal"])[0], float)


def is_asked(row: Row) -> bool:
    """Whether the best depth is two standard deviations above every shallower one (the first: every deeper one)."""
    means = means_of(row)
    best = int(means.argmax())
    return bool(means[best] - (means[:best] if best else means[1:]).max() >= 2)


def answer_shares(row: Row) -> list[float]:
    """Shares of studies in the order of `ANSWERS`."""
    means = SEED_SD * means_of(row)
    equivalent, wrong_equivalent = row["equivalent"], 0.0
    if is_wrong("equivalent", 0, means):
        equivalent, wrong_equivalent = 0.0, equivalent
    best = row["right"] - (equivalent if means.argmax() == 0 else 0.0)
    other = row["depth"] - best - (row["wrong"] - wrong_equivalent)
    return [max(0.0, share) for share in (best, other, equivalent, row["undecided"], row["wrong"])]


# The figures


def draw_coverage(results: Results) -> Figure:
    """Coverage by seeds, a panel for each share of the variance that seeds make."""
    rows = results["intervals"]
    seeds, shares = (sorted({row[key] for row in rows}) for key in ("seeds", "seed_share"))
    figure = Figure(figsize=(7.3, 3.3), layout="constrained")
    panels = figure.subplots(1, len(shares), sharey=True)
    for axes, share in zip(panels, shares, strict=True):
        axes.axhspan(*COVERAGE, color=WASH, zorder=0, label=f"asked: {COVERAGE[0]:.1%} to {COVERAGE[1]:.0%}")
        axes.axhline(0.95, color=GREY, linewidth=1, linestyle="--")
        for shift, (examples, look) in zip((-0.2, 0.0, 0.2), BY_EXAMPLES.items(), strict=True):
            chosen = [row for row in rows if (row["examples"], row["seed_share"]) == (examples, share)]
            placed = [(seeds.index(row["seeds"]) + shift, row) for row in chosen]
            _points(axes, placed, "coverage", look, label=f"{examples:,} examples")
        axes.set_title(f"seeds make {share:.0%} of the variance")
        axes.set_xticks(range(len(seeds)), [str(count) for count in seeds])
        axes.set_xlim(-0.5, len(seeds) - 0.5)
        axes.set_xlabel("seeds")
        axes.grid(visible=False, axis="x")
    panels[0].set_ylabel("95% intervals that hold the truth")
    panels[0].set_ylim(0.905, 1.0)
    panels[0].yaxis.set_major_formatter(percent)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper left", ncols=4, columnspacing=1.2)
    return figure


def draw_wrong(results: Results) -> Figure:
    """Wrong claims by truth, with what is asked."""
    figure, (axes,), places = _by_truth(
        {"One score a run": results["recommendation"], "Answers to 2,000 examples": results["with_examples"]}, panels=1
    )
    for shift, (seeds, look) in zip((-0.16, 0.16), BY_SEEDS.items(), strict=True):
        chosen = [(place + shift, row) for place, row in places if row["seeds"] == seeds]
        _points(axes, chosen, "wrong", look, label=f"{seeds} seeds", upright=False)
    axes.axvline(MOST_WRONG, color=RED, linewidth=1.4, linestyle="--", label=f"asked: at most {MOST_WRONG:.0%}")
    axes.set_xlim(-0.001, 0.08)
    axes.set_xlabel("studies that make a wrong claim")
    axes.xaxis.set_major_formatter(percent)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3)
    return figure


def draw_right(results: Results) -> Figure:
    """Right claims by truth, a panel for each number of seeds, with what is asked."""
    one, many = results["recommendation"], results["with_examples"]
    one, many = ([row for row in rows if np.ptp(means_of(row)) > 0] for rows in (one, many))
    figure, panels, places = _by_truth(
        {
            "Two deviations, one score a run": [row for row in one if is_asked(row)],
            "Two deviations, 2,000 examples": [row for row in many if is_asked(row)],
            "Other truths, one score a run": [row for row in one if not is_asked(row)],
            "Other truths, 2,000 examples": [row for row in many if not is_asked(row)],
        },
        panels=2,
    )
    last = max(place for place, row in places if is_asked(row))
    for axes, (seeds, look) in zip(panels, BY_SEEDS.items(), strict=True):
        chosen = [(place, row) for place, row in places if row["seeds"] == seeds]
        _points(axes, chosen, "right", look, upright=False)
        axes.plot([LEAST_RIGHT[seeds]] * 2, [0, last + 0.5], color=RED, linewidth=1.4, linestyle="--")
        axes.set_title(f"{seeds} seeds, asked: at least {LEAST_RIGHT[seeds]:.0%}")
        axes.set_xlim(0, 1.02)
        axes.xaxis.set_major_formatter(percent)
        axes.set_xlabel("studies that name the best depth")
    return figure


def draw_answers(results: Results) -> Figure:
    """How often each answer is given, a panel for each number of seeds."""
    figure, panels, places = _by_truth({"": results["recommendation"]}, panels=2)
    for axes, seeds in zip(panels, BY_SEEDS, strict=True):
        for place, row in places:
            left = 0.0
            for share, look in zip(answer_shares(row), ANSWERS.values(), strict=True):
                if row["seeds"] == seeds and share > 0:
                    axes.barh(place, share, left=left, height=0.76, linewidth=0, clip_on=False, **look)
                    left += share
        axes.set_title(f"{seeds} seeds")
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(percent)
        axes.set_xlabel("studies")
        axes.grid(visible=False)
    patches = [Patch(label=label, linewidth=0, **look) for label, look in ANSWERS.items()]
    figure.legend(handles=patches, loc="outside upper left", ncols=3, columnspacing=1.2)
    return figure


FIGURES = {"coverage": draw_coverage, "wrong": draw_wrong, "right": draw_right, "answers": draw_answers}


def _name(row: Row) -> str:
    """Short words for a truth, with the seed's share where it differs between rows."""
    words = str(row["truth"]).removesuffix(", equal means").replace(", each 1 above the one before", ", steps of 1")
    return f"{words} (seeds {row['seed_share']:.0%})" if "seed_share" in row else words


def _by_truth(
    groups: Mapping[str, Sequence[Row]], *, panels: int
) -> tuple[Figure, Sequence[Axes], list[tuple[int, Row]]]:
    """A figure with a line for each truth, from above, and the place of each row; headings are in bold."""
    names: list[str] = []
    headings, places = [], []
    for heading, rows in groups.items():
        if heading:
            headings.append(len(names))
            names.append(heading)
        found = {name: len(names) + k for k, name in enumerate(dict.fromkeys(map(_name, rows)))}
        places += [(found[_name(row)], row) for row in rows]
        names += found
    figure = Figure(figsize=(7.3, 1.0 + 0.2 * len(names)), layout=ConstrainedLayoutEngine(wspace=0.06))
    all_axes = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    for axes in all_axes:
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        for k in range(len(names)):
            if headings and k not in headings:
                axes.axhline(k, color="#efefef", linewidth=0.8, zorder=0)
    all_axes[0].set_yticks(range(len(names)), names)
    for k in headings:
        all_axes[0].get_yticklabels()[k].set_fontweight("bold")
    return figure, all_axes, places


def _points(
    axes: Axes,
    placed: Sequence[tuple[float, Row]],
    key: str,
    look: tuple[str, str],
    *,
    label: str = "",
    upright: bool = True,
) -> None:
    """Shares with their Monte-Carlo error."""
    places, values = [place for place, _ in placed], np.array([row[key] for _, row in placed])
    limits = np.array([monte_carlo(row[key], row["studies"]) for _, row in placed])
    errors = np.abs(limits.T - values)
    color, marker = look
    axes.errorbar(
        places if upright else values,
        values if upright else places,
        yerr=errors if upright else None,
        xerr=None if upright else errors,
        color=color,
        marker=marker,
        linestyle="none",
        markersize=4.5,
        elinewidth=1.2,
        label=label or None,
    )


if __name__ == "__main__":
    main()
