"""The figure of `docs/depth.md`, from `benchmarks/results/depth_studies/`.

    python -m benchmarks.depth_figure

Above test accuracy by depth, below how far validation loss at the end of the budget stands above its lowest. Equal results
give an equal file. Colours: Okabe and Ito 2008; markers differ as well.
"""

import io
from collections.abc import Mapping
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from benchmarks.depth_studies import ROOT, load
from benchmarks.simulation_figures import digest
from textlstm.reports.pictures import BLACK, BLUE, ORANGE, STYLE

FIGURE = ROOT / "docs" / "depth.svg"
DATA = {"trec6": "TREC-6", "sst2": "SST-2, sentences", "bbc": "BBC News"}
KINDS = {"width": (BLUE, "s", -0.08, "equal width"), "parameters": (ORANGE, "o", 0.08, "equal parameters")}
"""End of a study's name -> colour, marker, shift, words."""

percent = FuncFormatter(lambda share, _: f"{100 * share:.0f}%")


def main() -> None:
    """Draw what is there."""
    FIGURE.write_text(picture(load()), encoding="utf-8")
    print(f"{FIGURE.relative_to(ROOT)}: {FIGURE.stat().st_size / 1000:.0f} kB")


def picture(studies: Mapping[str, Mapping[str, Any]]) -> str:
    """The SVG text."""
    text = io.StringIO()
    with style.context(["default", STYLE, {"font.size": 9, "axes.titlesize": 9, "svg.hashsalt": "depth"}]):
        _draw(studies).savefig(text, format="svg", metadata={"Date": None, "Description": f"results {digest(studies)}"})
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())


def _draw(studies: Mapping[str, Mapping[str, Any]]) -> Figure:
    figure = Figure(figsize=(7.6, 4.6), layout=ConstrainedLayoutEngine(hspace=0.06))
    rows = figure.subplots(2, len(DATA), sharex=True)
    for column, (data, title) in enumerate(DATA.items()):
        mine = {name.split("-")[1]: study for name, study in studies.items() if name.split("-")[0] == data}
        for kind, study in mine.items():
            _scores(rows[0, column], kind, study)
            _excess(rows[1, column], kind, study)
        if mine:
            baseline = next(iter(mine.values()))["baseline"]["test"]["accuracy"]
            rows[0, column].axhline(baseline, color=BLACK, linestyle="--", linewidth=1, label="linear baseline")
        rows[0, column].set_title(title)
        rows[0, column].yaxis.set_major_formatter(percent)
        rows[1, column].set_ylim(bottom=0)
        rows[1, column].set_xlabel("layers")
        rows[1, column].set_xticks([1, 2, 3, 4])
    rows[0, 0].set_ylabel("test accuracy")
    rows[1, 0].set_ylabel("excess validation\nloss at the end, nats")
    handles, labels = rows[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    return figure


def _scores(axes: Axes, kind: str, study: Mapping[str, Any]) -> None:
    found = [level["best"]["test"]["accuracy"] for level in study["depths"]]
    for level, test in zip(study["depths"], found, strict=True):
        colour, _, shift, _ = KINDS[kind]
        seeds = test["by_seed"]
        axes.plot([level["layers"] + 2.2 * shift] * len(seeds), seeds, ".", color=colour, alpha=0.5, markersize=4)
    _points(axes, kind, study, found)


def _excess(axes: Axes, kind: str, study: Mapping[str, Any]) -> None:
    _points(axes, kind, study, [level["overfitting"]["excess_loss"] for level in study["depths"]])


def _points(axes: Axes, kind: str, study: Mapping[str, Any], found: list[Mapping[str, float]]) -> None:
    """Means with their 95% intervals."""
    colour, marker, shift, words = KINDS[kind]
    means = [entry["mean"] for entry in found]
    below = [entry["mean"] - entry["low"] for entry in found]
    above = [entry["high"] - entry["mean"] for entry in found]
    places = [level["layers"] + shift for level in study["depths"]]
    axes.errorbar(
        places, means, [below, above], color=colour, fmt=marker, markersize=4.5, capsize=2.5, linewidth=1.2, label=words
    )


if __name__ == "__main__":
    main()
