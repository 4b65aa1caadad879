"""A study's closing table in the terminal, the answer, and the verdict on every level."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from textlstm.reports.study_wording import (
    VERDICTS,
    accuracy,
    headline,
    interval_name,
    level_name,
    noun,
    share_interval,
    value_of,
    verdict_of,
)
from textlstm.reports.wording import NONE, middle_cut, percent, setting, whole

LONGEST_NAME = 20


def print_study(console: Console, study: Mapping[str, Any], *, folder: Path | None = None) -> None:
    """The table, the answer and why, what must be known, and where the page is (in `folder`)."""
    console.print()
    console.print(study_table(study), soft_wrap=False)
    recommendation = study.get("recommendation") or {}
    console.print(f"answer    {headline(study)}", style="bold")
    if recommendation.get("reason"):
        console.print(f"why       {recommendation['reason']}")
    for level in study["depths"]:
        name, word = level_name(study, value_of(level), LONGEST_NAME), VERDICTS[verdict_of(level)]
        found = level.get("overfitting") or {}
        line = f"overfits  {name}: {word}"
        if found.get("sentence"):
            line += f". {found['sentence']}"
        if found.get("try"):
            line += f" To try: {found['try']}"
        console.print(line)
    for note in study.get("notes") or []:
        console.print(f"note      {note}", style="yellow")
    console.print(f"report    {folder / 'study.html' if folder else 'study.html, beside study.json'}")


def study_table(study: Mapping[str, Any]) -> Table:
    """A row a level: size, time, accuracies of the best epoch's weights, and whether it overfits.

    Fits 80 columns: long values are folded.
    """
    seeds = [len(level.get("seeds") or []) for level in study["depths"]]
    title = f"{study['dataset']}, study {study['study']}, {sum(seeds)} {'run' if sum(seeds) == 1 else 'runs'}"
    table = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True
    )
    table.add_column(noun(study), overflow="fold", min_width=6)
    for column in (
        "parameters",
        "time, s",
        "train",
        "vali-\ndation",
        "test",
        interval_name(study).replace(" ", "\n"),
        "overfits",
    ):
        table.add_column(column, justify="right", no_wrap=True)
    for level in study["depths"]:
        table.add_row(
            middle_cut(setting(value_of(level)), LONGEST_NAME),
            whole(level.get("parameters")),
            whole(level.get("training_seconds")),
            *(percent(accuracy(level, split).get("mean"), 1) for split in ("train", "validation", "test")),
            share_interval(accuracy(level, "test")) or NONE,
            VERDICTS[verdict_of(level)],
        )
    return table
