"""`study.html`: a study as one page for people, from the same dict as `study.json`.

As self-contained and as careful with the user's words as `report.html`, whose frame and styles it
shares. The first screen answers the question; what the study lacks is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from textlstm.reports.page import open_template
from textlstm.reports.study_grid import count_runs, grid_section, second_noun
from textlstm.reports.study_pictures import (
    LevelAxis,
    cost_picture,
    curve_limits,
    curve_picture,
    gap_picture,
    score_picture,
)
from textlstm.reports.study_sensitivity import sensitivity_section, tuning_table
from textlstm.reports.study_tables import comparison_table, cost_table, gap_table, overfitting_table, score_table
from textlstm.reports.study_wording import (
    BASELINES,
    EXPLANATIONS,
    VERDICTS,
    answer_level,
    baseline_scores,
    describe_basis,
    describe_cost,
    describe_overfitting,
    describe_score,
    describe_thresholds,
    describe_wait,
    has_interval,
    headline,
    interval_name,
    is_about_settings,
    is_depth,
    level_name,
    metric_of,
    noun,
    points,
    score_name,
    score_of,
    value_of,
    verdict_of,
)
from textlstm.reports.wording import has_several_labels, metric_name, middle_cut, setting, whole

COSTS = {"parameters": "parameters", "training_seconds": "training time (s)", "latency_ms": "latency (ms a text)"}
"""What a level costs, by its key, and as an axis calls it."""
MOST_EXAMPLES = 20


def render_study(study: Mapping[str, Any]) -> str:
    """The whole page as HTML."""
    levels, metric = study["depths"], metric_of(study)
    return open_template("study_page.html.j2", points=points, link=link).render(
        study=study,
        **{name: study.get(name) for name in ("recommendation", "one_standard_error", "factors", "along")},
        **{name: study.get(name) or [] for name in ("notes", "failed", "commits")},
        depth=is_depth(study),
        noun=noun(study),
        names=[level_name(study, value_of(level)) for level in levels],
        # Where the heading of the row says what they are.
        short_names=[middle_cut(setting(value_of(level)), 20) for level in levels],
        one_name=one_standard_error_name(study),
        intervals=any(
            has_interval(score_of(level, split, metric)) for level in levels for split in ("validation", "test")
        ),
        most_examples=MOST_EXAMPLES,
        chosen=chosen_number(study),
        headline=headline(study),
        metric=score_name(study),
        accuracy=metric_name("accuracy", several=has_several_labels(study)),
        about_settings=is_about_settings(study),
        grid=grid_section(study),
        sensitivity=sensitivity_section(study),
        recipes=tuning_table(study),
        machine=describe_machine(study.get("machine") or {}),
        texts=describe_texts(study.get("texts") or {}),
        size=describe_size(study),
        score=describe_score(study),
        wait=describe_wait(study),
        costs=describe_cost(study),
        overfits=describe_overfitting(study),
        pictures=draw(study),
        tables=[
            score_table(study, "best"),
            score_table(study, "last"),
            comparison_table(study),
            cost_table(levels),
        ],
        gaps=gap_table(study),
        verdicts=[verdict(study, level) for level in levels],
        overfitting=overfitting_table(study),
        basis=describe_basis(study),
        thresholds=describe_thresholds(study.get("thresholds") or {}),
        interval=interval_name(study),
        examples=changed_examples(study),
        runs=list(runs(study)),
        other_runs=other_runs(study),
        settings=settings_by_section(study.get("settings") or {}),
    )


def chosen_number(study: Mapping[str, Any]) -> int | None:
    """The place of the recommended level; None where the study is undecided."""
    chosen = answer_level(study)
    return None if chosen is None else next(i for i, level in enumerate(study["depths"]) if level is chosen)


def one_standard_error_name(study: Mapping[str, Any]) -> str | None:
    """The level that the one-standard-error rule picks."""
    rule = study.get("one_standard_error") or {}
    value = rule.get("value", rule.get("layers"))
    return None if value is None else level_name(study, value)


def describe_size(study: Mapping[str, Any]) -> str:
    """How many runs the study is made of."""
    seeds = [len(level.get("seeds") or []) for level in study["depths"]]
    runs = count_runs(study["grid"]) if study.get("grid") else sum(seeds)
    if is_about_settings(study):
        seeds = [row["trials"] for row in study["sensitivity"]["by_depth"]]
    values = f"{len(seeds)} {'depth' if is_depth(study) else 'value'}{'' if len(seeds) == 1 else 's'}"
    few, many = min(seeds, default=0), max(seeds, default=0)
    unit = "trial" if is_about_settings(study) else "seed"
    each = f"{few} to {many} {unit}s" if few < many else f"{many} {unit}{'s' * (many != 1)}"
    grid = study.get("grid")
    crossed = f", {len(grid['second_values'])} values of {second_noun(grid)}" if grid else ""
    return f"{runs} {'run' if runs == 1 else 'runs'}: {values}{crossed}, {each} each"


def describe_machine(machine: Mapping[str, Any]) -> str:
    """`cpu, 1 thread`, or as much of it as all runs have in common."""
    threads = machine.get("threads")
    words = [machine.get("device"), f"{threads} thread{'s' * (threads != 1)}" if threads else None]
    return ", ".join(filter(None, words))


def describe_texts(texts: Mapping[str, Any]) -> str:
    """`4,907 train, 545 validation and 500 test texts`, of the splits whose size all runs share."""
    parts = [f"{whole(count)} {split}" for split, count in texts.items() if count]
    return f"{' and '.join(filter(None, (', '.join(parts[:-1]), parts[-1])))} texts" if parts else ""


def draw(study: Mapping[str, Any]) -> dict[str, Any]:
    """All pictures by the section that they stand in; a section without numbers has none."""
    levels, metric = study["depths"], metric_of(study)
    # Below an axis the noun stands once: `1`, not `1 layer`.
    values = [value_of(level) for level in levels]
    axis = LevelAxis(
        [setting(value) for value in values],
        noun(study),
        chosen=chosen_number(study),
        ordered=all(isinstance(value, int | float) for value in values),
        interval=interval_name(study),
        metric=metric,
        several=has_several_labels(study),
    )
    splits = [split for split in ("validation", "test") if any(score_of(level, split, metric) for level in levels)]
    # Of trials with different settings the section on sensitivity has pictures of its own.
    splits = [] if is_about_settings(study) else splits
    gaps = (metric, "loss") if any(level.get("generalization_gap") for level in levels) else ()
    baselines = {name: baseline_scores(study, name) for name in BASELINES}
    costs = [cost for cost in COSTS if any(level.get(cost) is not None for level in levels)]
    return {
        "score": [
            Markup(score_picture(levels, split=split, axis=axis, name=f"score-{split}", baselines=baselines))
            for split in splits
        ],
        "gap": {
            axis.called(each): Markup(gap_picture(levels, metric=each, axis=axis, name=f"gap-{each}")) for each in gaps
        },
        "curves": {axis.called(each): curves(levels, each, axis) for each in _curve_metrics(levels, metric)},
        "cost": [
            Markup(cost_picture(levels, cost=cost, label=COSTS[cost], axis=axis, name=f"cost-{cost}")) for cost in costs
        ],
    }


def curves(levels: Sequence[Mapping[str, Any]], metric: str, axis: LevelAxis) -> list[Markup | None]:
    """The curves of each level on the same axes; None for a level without any."""
    limits = curve_limits(levels, metric)
    epochs = max(epoch for level in levels for epoch in _curves_of(level).get("epochs", [0]))
    return [
        Markup(
            curve_picture(
                _curves_of(level),
                metric=metric,
                axis=axis,
                name=f"curves-{metric}-{number}",
                number=number,
                limits=limits,
                epochs=epochs,
                best_epoch=(level.get("best_epoch") or {}).get("mean"),
            )
        )
        if _curves_of(level)
        else None
        for number, level in enumerate(levels, 1)
    ]


def _curve_metrics(levels: Sequence[Mapping[str, Any]], metric: str) -> list[str]:
    """Loss and the score by which levels are compared; accuracy where the history lacks that."""
    known = {
        name for level in levels for split in ("train", "validation") for name in _curves_of(level).get(split) or {}
    }
    if not any(map(_curves_of, levels)):
        return []
    return ["loss", metric if metric in known else "accuracy"]


def _curves_of(level: Mapping[str, Any]) -> Mapping[str, Any]:
    return level.get("curves") or {}


def verdict(study: Mapping[str, Any], level: Mapping[str, Any]) -> dict[str, Any]:
    """The overfitting verdict of a level in words, and what to try."""
    word, found = verdict_of(level), level.get("overfitting") or {}
    return {
        "name": level_name(study, value_of(level)),
        "kind": word,
        "word": VERDICTS[word],
        "sentence": found.get("sentence") or f"{EXPLANATIONS[word].capitalize()}.",
        "try": found.get("try"),
    }


def changed_examples(study: Mapping[str, Any]) -> dict[str, Any] | None:
    """The examples that the best level fixes and breaks against the first, the clearest ones first."""
    examples = study.get("examples")
    if not examples or not examples.get("compared"):
        return None
    first, best = (level_name(study, value, 20) for value in examples["compared"])
    counts = examples.get("counts") or {}
    lists = {kind: examples.get(kind) or [] for kind in ("fixed", "broken")}
    return {
        "first": first,
        "best": best,
        "counts": counts,
        "cut": max(len(rows) for rows in lists.values())
        if any(len(rows) < counts.get(kind, 0) for kind, rows in lists.items())
        else None,
        "lists": {
            kind: sorted(rows, key=lambda row: (-abs(row["best"] - row["first"]), row["index"]))
            for kind, rows in lists.items()
        },
    }


def runs(study: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """A row a run: its level, seed, scores and the link to its page, relative to the study's folder."""
    metric = metric_of(study)
    for level in study["depths"]:
        folders, splits = level.get("runs") or [], level.get("split_seeds") or []
        by_seed = {split: score_of(level, split, metric).get("by_seed") or [] for split in ("validation", "test")}
        by_seed["best_epoch"] = (level.get("best_epoch") or {}).get("by_seed") or []
        for place, seed in enumerate(level.get("seeds") or []):
            folder = folders[place] if place < len(folders) else None
            yield {
                "name": middle_cut(setting(value_of(level))),
                "seed": f"{setting(seed)}, split {setting(splits[place])}" if place < len(splits) else setting(seed),
                "folder": folder,
                "link": link(folder) if folder else None,
            } | {key: values[place] if place < len(values) else None for key, values in by_seed.items()}


def other_runs(study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The runs of a grid that are at other values of the second setting, a row a cell."""
    grid = study.get("grid") or {}
    return [
        {
            "name": middle_cut(setting(cell["value"])),
            "second": middle_cut(setting(cell["second"])),
            "links": list(zip(map(setting, cell["seeds"]), map(link, cell["runs"]), strict=False)),
        }
        for cell in grid.get("cells") or []
        if setting(cell["second"]) != setting(grid["chosen"]) and cell.get("runs")
    ]


def link(folder: str) -> str:
    """The address of a run's page: whatever the folder is called, a path on this machine."""
    # quote() leaves no colon of a scheme; two slashes would begin the name of another host.
    path = "/" + folder.strip("/") if folder.startswith("/") else folder.rstrip("/")
    return f"{quote(path)}/report.html"


def settings_by_section(settings: Mapping[str, Any]) -> dict[str, list[tuple[str, Any]]]:
    """Dotted names and values by section; settings that belong to none come first, as `run`."""
    sections: dict[str, list[tuple[str, Any]]] = {"run": []}
    for name, value in settings.items():
        section, dot, _ = name.partition(".")
        sections.setdefault(section if dot else "run", []).append((name, value))
    return {name: rows for name, rows in sections.items() if rows}
