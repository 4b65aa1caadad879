"""A study's closing table in the terminal, the answer, and the verdict on every level."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from textlstm.reports.study_grid import count_runs, grid_table
from textlstm.reports.study_sensitivity import sensitivity_lines
from textlstm.reports.study_wording import (
    BASELINES,
    VERDICTS,
    baseline_scores,
    headline,
    interval_name,
    is_about_settings,
    level_name,
    metric_of,
    noun,
    score_name,
    score_of,
    share_interval,
    value_of,
    verdict_of,
)
from textlstm.reports.wording import NONE, middle_cut, percent, setting, whole

LONGEST_NAME = 20


def print_study(console: Console, study: Mapping[str, Any], *, folder: Path | None = None) -> None:
    """The tables, the answer and why, what must be known, and where the page is (in `folder`)."""
    of_trials = is_about_settings(study)
    tables = [sensitivity_lines(study), study_table(study)] if of_trials else [study_table(study), grid_table(study)]
    for table in filter(None, tables):
        console.print()
        console.print(table, soft_wrap=False)
    console.print(f"answer    {headline(study)}", style="bold")
    tried = ((study.get("sensitivity") or {}).get("answer") or {}).get("sentence")
    if tried and of_trials:
        console.print(f"why       {tried}")
    recommendation = study.get("recommendation") or {}
    if recommendation.get("reason"):
        console.print(f"{'depth' if of_trials else 'why':<10}{recommendation['reason']}")
    if tried and not of_trials:
        console.print(f"tuning    {tried}")
    for name, kind in BASELINES.items():
        found = baseline_scores(study, name)
        if found:
            shown = ", ".join(f"{split} {percent(share, 1)}" for split, share in found.items())
            console.print(f"baseline  {kind}, {score_name(study)}: {shown}")
    for line in [] if of_trials else _overfitting(study):
        console.print(line)
    for note in study.get("notes") or []:
        console.print(f"note      {note}", style="yellow")
    console.print(f"report    {folder / 'study.html' if folder else 'study.html, beside study.json'}")


def study_table(study: Mapping[str, Any]) -> Table:
    """A row a level: size, time, scores of the best epoch's weights, and whether it overfits.

    Fits 80 columns: long values are folded.
    """
    seeds = [len(level.get("seeds") or []) for level in study["depths"]]
    metric = metric_of(study)
    grid, runs = study.get("grid"), f"{sum(seeds)} {'run' if sum(seeds) == 1 else 'runs'}"
    if grid:
        runs = f"{sum(seeds)} of {count_runs(grid)} runs"
    title = f"{study['dataset']}, study {study['study']}, {runs}, {score_name(study)}"
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
            *(percent(score_of(level, split, metric).get("mean"), 1) for split in ("train", "validation", "test")),
            share_interval(score_of(level, "test", metric)) or NONE,
            VERDICTS[verdict_of(level)],
        )
    return table


def _overfitting(study: Mapping[str, Any]) -> Iterator[str]:
    """The verdict on each level in a line."""
    for level in study["depths"]:
        name, word = level_name(study, value_of(level), LONGEST_NAME), VERDICTS[verdict_of(level)]
        found = level.get("overfitting") or {}
        line = f"overfits  {name}: {word}"
        if found.get("sentence"):
            line += f". {found['sentence']}"
        if found.get("try"):
            line += f" To try: {found['try']}"
        yield line
