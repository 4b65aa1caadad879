"""The closing tables in the terminal."""

import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from textlstm.model import StackedLSTMForSequenceClassification
from textlstm.network import count_parameters
from textlstm.reports.copies import copies_lines, groups_line
from textlstm.reports.wording import (
    describe_baseline,
    describe_result,
    describe_worst,
    duration,
    has_several_labels,
    metric_name,
    other_ways,
    percent,
    signed,
)


def open_console() -> Console:
    """For texts and paths of users: no markup in them, no line broken where a terminal is narrow."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def print_report(console: Console, report: dict[str, Any]) -> None:
    """Scores, gap, baseline, size and time of one run or evaluation."""
    console.print()
    console.print(scores_table(report), soft_wrap=False)
    if gap := report.get("generalization_gap"):
        accuracy = metric_name("accuracy", several=has_several_labels(report))
        micro = f", micro-F1 {signed(100 * gap['micro_f1'], 2)}" if "micro_f1" in gap else ""
        console.print(
            f"generalization gap  {accuracy} {signed(100 * gap['accuracy'], 2)}, macro-F1 {signed(100 * gap['macro_f1'], 2)}{micro} points (train - validation), "
            f"loss {signed(gap['loss'], 4)} (validation - train)",
        )
    if "training" in report:
        model, training = report["model"], report["training"]
        console.print(
            f"{model['layers']} layer(s) of {model['hidden_size']}, {model['parameters']:,} parameters, {training['precision']} on {training['device']}; "
            f"trained {duration(training['seconds'])} over {training['epochs']:.3g} epochs, best epoch {training['best_epoch']:.3g}",
        )
    if "test" in report["splits"]:
        console.print(describe_result("test", report["splits"]["test"]))
        if sentence := describe_worst(report):
            console.print(sentence)
        for kind in ("linear", "encoder"):
            scores = (report.get("baseline") or {}).get(kind)
            if sentence := describe_baseline("test", report["splits"]["test"], scores, kind):
                console.print(sentence)


def scores_table(report: dict[str, Any]) -> Table:
    """A row a split, and those of the baselines."""
    table = Table(title=f"{report['dataset']}, seed {report['seed']}", title_justify="left")
    table.add_column("")
    several = has_several_labels(report)
    metrics = ("accuracy", "micro_f1", "macro_f1") if several else ("accuracy", "macro_f1")
    for column in (*(metric_name(metric, several=several) for metric in metrics), "loss", "texts"):
        table.add_column(column, justify="right")
    for split, scores in report["splits"].items():
        table.add_row(
            split, *(percent(scores[name]) for name in metrics), f"{scores['loss']:.4f}", f"{scores['examples']:,}"
        )
    for kind, scores in (report.get("baseline") or {}).items():
        for split in ("validation", "test") if scores else ():
            shares = [percent(scores[split][name]) for name in metrics]
            table.add_row(f"{kind} baseline, {split}", *shares, "", "", style="dim")
    if several:
        table.caption = "subset accuracy: the share of texts whose whole set of labels is right"
    return table


def print_start(
    console: Console,
    folder: Path,
    model: StackedLSTMForSequenceClassification,
    texts: dict[str, Any],
    facts: dict[str, Any],
) -> None:
    """What is about to be trained, on what, and where it goes."""
    sizes = " / ".join(f"{len(split):,}" for split in texts.values())
    console.print(f"run       {folder}")
    console.print(
        f"data      {sizes} texts ({' / '.join(texts)}), {facts['duplicates_removed']} repeats removed, "
        f"{facts['empty_texts_dropped']} empty ones dropped",
    )
    console.print(
        f"tokens    {facts['tokens_per_text']:.1f} a text, {facts['vocabulary_size']:,} in the vocabulary, {percent(facts['unknown_rate'], 1)} unknown; "
        f"cut are {percent(facts['truncated_share'], 1)} of the texts, {percent(facts['truncated_tokens_share'], 1)} of the tokens",
    )
    for line in copies_lines(facts["duplicates"]):
        console.print(f"copies    {line}")
    if facts["groups"]:
        console.print(f"groups    {groups_line(facts['groups'])}")
    if covered := facts["coverage"]:
        console.print(
            f"vectors   cover {100 * covered['vocabulary']:.1f}% of the vocabulary and {100 * covered['running_tokens']:.1f}% of the running text{other_ways(covered)}",
        )
    for warning in facts["warnings"]:
        console.print(f"warning   {warning}", style="yellow")
    config = model.config
    console.print(
        f"network   {config.layers} layer(s) of {config.hidden_size}, {'both directions' if config.bidirectional else 'one direction'}, "
        f"{sum(count_parameters(model).values()):,} parameters, {model.stack.recurrence_on(model.device)} recurrence",
    )


def print_next(console: Console, folder: Path) -> None:
    """Where everything is, and what to type next."""
    console.print(f"run       {folder}")
    console.print(f"report    {folder / 'report.html'}")
    console.print(f"next      python evaluate.py {shlex.quote(f'checkpoint={folder}')}")


def print_evaluation(console: Console, report: dict[str, Any], reproduced: bool | None) -> None:
    """The scores, whether they are those stored with the run, and where they were written."""
    print_report(console, report)
    if reproduced is True:
        console.print("Reproduced: every digit is as stored in the run's report.json.")
    elif reproduced is False:
        console.print(
            "NOT reproduced: the digits differ from the run's report.json (another machine, other versions, or changed data).",
        )
    console.print(f"report    {report['run']}/report.json")
