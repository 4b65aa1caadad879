"""Depths of equal size: a deeper and narrower stack beside a shallower and wider one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from textlstm.study.comparisons import against_first
from textlstm.study.estimates import compare, why_not_crossed
from textlstm.study.factors import DEPTH, Factor, Level
from textlstm.study.judging import JudgingSettings

NEARLY_EQUAL = 1.1
"""Parameters of the largest stack over those of the smallest, up to which cells of a grid are compared."""
EQUAL = 1.02
"""The same up to which the levels of a study count as equal."""


def equal_parameters(
    factor: Factor, levels: Sequence[Level], cells: Sequence[dict[str, Any]], judging: JudgingSettings
) -> list[dict[str, Any]]:
    """Groups of cells at different depths with stacks of nearly one size, and how their test scores differ.

    levels: the runs of each cell. Of each depth the smallest cell of a group; differences are from its
    shallowest, with limits that hold together within the group.
    """
    if not all(cell["stack_parameters"] for cell in cells):
        return []
    groups: list[list[int]] = []
    for start in sorted(range(len(cells)), key=lambda k: (cells[k]["stack_parameters"], cells[k]["value"])):
        group = _near(cells, start)
        if len(group) > 1 and not any(set(group) <= set(old) for old in groups):
            groups.append(group)
    return [_compared(factor, [levels[k] for k in group], [cells[k] for k in group], judging) for group in groups]


def equal_size_note(factor: Factor) -> str | None:
    """That levels whose widths change along have one size, by parameters of the stack or by operations."""
    models = [level.runs[0].model for level in factor.levels]
    if "model.hidden_size" not in factor.along and len({str(model.get("hidden_size")) for model in models}) < 2:
        return None
    for what, sizes in (
        ("parameters", [(model.get("parameters_by_part") or {}).get("stack") for model in models]),
        ("operations per token", [model.get("operations_per_token") for model in models]),
    ):
        known = [size for size in sizes if size]
        if len(known) == len(models) and max(known) <= EQUAL * min(known):
            levels = "Depths" if factor.name == DEPTH else f"Values of {factor.name}"
            return f"{levels} are compared at equal {what} (within {100 * (max(known) / min(known) - 1):.1f}%)."
    return None


def _near(cells: Sequence[dict[str, Any]], start: int) -> list[int]:
    """By depth the smallest cell that is at most a tenth larger than cell `start`, by place."""
    least = cells[start]["stack_parameters"]
    near = [k for k, cell in enumerate(cells) if least <= cell["stack_parameters"] <= NEARLY_EQUAL * least]
    by_depth = {cells[k]["value"]: k for k in sorted(near, key=lambda k: -cells[k]["stack_parameters"])}
    return [by_depth[depth] for depth in sorted(by_depth)]


def _compared(
    factor: Factor, levels: Sequence[Level], cells: Sequence[dict[str, Any]], judging: JudgingSettings
) -> dict[str, Any]:
    group = replace(factor, levels=tuple(levels))
    found = compare(group, judging.metric, crossed=why_not_crossed(group) is None)
    return {
        "cells": [{name: cell[name] for name in ("value", "second", "stack_parameters")} for cell in cells],
        "test": [float(mean) for mean in found.means],
        "against_first": against_first(found, confidence=1 - judging.level),
    }
