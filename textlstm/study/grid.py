"""A grid: every value of the factor with every value of a second setting.

The study is summarized at one value of the second setting: that of the cell with the best mean
validation score. The test split has no part in that choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textlstm.study.crossed import Second
from textlstm.study.differences import key
from textlstm.study.equal_size import equal_parameters
from textlstm.study.estimates import score_table
from textlstm.study.factors import DEPTH, Factor, slice_at
from textlstm.study.judging import Judged, JudgingSettings, judge
from textlstm.study.levels import facts, verdicts
from textlstm.study.runs import Run

WIDTH = "model.hidden_size"
OF_CELL = ("runs", "seeds", "parameters", "stack_parameters", "operations_per_token", "training_seconds", "latency_ms")


@dataclass(frozen=True)
class Grid:
    """The slices of a grid, one for each value of the second setting, and the place of the chosen one."""

    second: Second
    slices: tuple[Judged, ...]
    chosen: int

    @property
    def at(self) -> Judged:
        """The slice about which the study's answer is."""
        return self.slices[self.chosen]

    @property
    def name(self) -> str:
        """The chosen value in words: model.hidden_size=128."""
        return f"{self.second.name}={self.second.values[self.chosen]}"

    def here(self, runs: Sequence[Run]) -> list[Run]:
        """Those of `runs` that have the chosen value."""
        chosen = key(self.second.values[self.chosen])
        return [run for run in runs if key(run.config.get(self.second.name)) == chosen]


def make_grid(factor: Factor, judging: JudgingSettings) -> Grid:
    """Judge each slice, and choose by validation the one that the study is about."""
    assert factor.second is not None
    slices = tuple(judge(slice_at(factor, value), judging) for value in factor.second.values)
    return Grid(factor.second, slices, int(np.argmax([judged.means.max() for judged in slices])))


def grid_section(factor: Factor, grid: Grid, judging: JudgingSettings) -> dict[str, Any]:
    """The `grid` of `study.json`; cells without a run are absent."""
    second = grid.second
    slices = list(zip(second.values, grid.slices, strict=True))
    cells = [cell for value, judged in slices for cell in _cells(judged, value, judging)]
    levels = [level for _, judged in slices for level in judged.factor.levels]
    by_size = factor.name == DEPTH and second.name == WIDTH
    return {
        "factor": factor.name,
        "values": [level.value for level in factor.levels],
        "second": second.name,
        "second_values": list(second.values),
        "second_along": list(second.along),
        "chosen": second.values[grid.chosen],
        "best": [{"value": level.value, "second": _best(cells, level.value)["second"]} for level in factor.levels],
        "cells": cells,
        "answers": [{"value": value, "recommendation": judged.as_dict()} for value, judged in slices],
        "equal_parameters": equal_parameters(factor, levels, cells, judging) if by_size else [],
    }


def _best(cells: Sequence[dict[str, Any]], value: Any) -> dict[str, Any]:
    """Of the cells with one value of the factor that with the best mean validation score."""
    return max(
        (cell for cell in cells if key(cell["value"]) == key(value)), key=lambda cell: cell["validation"]["mean"]
    )


def _cells(judged: Judged, second: Any, judging: JudgingSettings) -> list[dict[str, Any]]:
    """One value of the second setting, a cell for each level that was run with it."""
    found = verdicts(judged.factor, judging)
    rows = []
    for level, verdict in zip(judged.factor.levels, found, strict=True):
        known = facts(level, judged.factor)
        table = score_table(level.runs, judged.factor, "best", crossed=judged.crossed, confidence=1 - judging.level)
        assert table is not None
        rows.append(
            {"value": level.value, "second": second}
            | {name: known[name] for name in OF_CELL}
            | {split: table[split][judging.metric] for split in ("validation", "test")}
            | {"overfitting": verdict.verdict}
        )
    return rows
