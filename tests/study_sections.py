"""Parts of `study.json` beyond the levels, for tests of the page: a grid, trials, a tuning; numbers with a known answer."""

import random
from typing import Any

WIDTHS = [32, 64, 128]
SETTINGS = ("training.learning_rate", "model.regularization_scale", "training.weight_decay")


def interval(mean: float, half: float = 0.01) -> dict[str, Any]:
    return {"mean": mean, "low": mean - half, "high": mean + half, "df": 4, "from": "seeds", "by_seed": [mean] * 5}


def with_grid(
    study: dict[str, Any], *, second: str = "model.hidden_size", values: list[Any] = WIDTHS
) -> dict[str, Any]:
    """The study as a slice of a grid at the last value but one; the cell of the first level and value was not run."""
    levels = [level["value"] for level in study["depths"]]
    chosen = values[-2]
    cells = []
    for column, value in enumerate(values):
        for row, level in enumerate(levels):
            if row or column:
                cells.append(make_cell(level, value, row, column, study["depths"][row] if value == chosen else None))
    lines = [
        {
            "cells": [
                {"value": 1, "second": 128, "stack_parameters": 201_000},
                {"value": 2, "second": 64, "stack_parameters": 198_600},
            ],
            "test": [0.871, 0.893],
            "against_first": [None, {"difference": 0.022, "low": 0.004, "high": 0.04, "p": 0.02}],
        }
    ]
    answers = ["undecided", "depth", "equivalent"] * len(values)
    grid = {
        "factor": study["factor"],
        "values": levels,
        "second": second,
        "second_values": values,
        "second_along": [],
        "chosen": chosen,
        "best": [{"value": level, "second": values[-1]} for level in levels],
        "cells": cells,
        "answers": [
            {"value": value, "recommendation": {"answer": answer, "value": {"depth": 2, "equivalent": 1}.get(answer)}}
            for value, answer in zip(values, answers, strict=False)
        ],
        "equal_parameters": lines if second == "model.hidden_size" else [],
    }
    return study | {"grid": grid}


def make_cell(level: Any, value: Any, row: int, column: int, chosen: dict[str, Any] | None) -> dict[str, Any]:
    stack = 1000 * (row + 1) * 4**column
    return {
        "value": level,
        "second": value,
        "runs": chosen["runs"] if chosen else [f"layers-{level}_second-{value}_seed-{seed}" for seed in range(5)],
        "seeds": list(range(5)),
        "parameters": 900_000 + stack,
        "stack_parameters": stack,
        "operations_per_token": 2 * stack + 7 * row,
        "training_seconds": 20.0 * (row + 1),
        "latency_ms": 0.4 * (row + 1),
        "validation": interval(0.80 + 0.011 * row + 0.023 * column),
        "test": interval(0.79 + 0.0113 * row + 0.0237 * column),
        "overfitting": "none" if row < 2 else "mild",
    }


def with_trials(study: dict[str, Any], *, trials: int = 12, verdict: str = "harder") -> dict[str, Any]:
    """Trials with the same random settings at every depth, more spread out the deeper; one is missing at the first."""
    draw = random.Random(1)
    drawn = [
        dict(
            zip(SETTINGS, (0.0005 + 0.002 * draw.random(), draw.random(), 10 ** -(1 + 4 * draw.random())), strict=True)
        )
        for _ in range(trials)
    ]
    rows = []
    for depth, level in enumerate(study["depths"]):
        runs = [
            {
                "run": f"tuning/layers-{level['value']}_trial-{number}",
                "seeds": [1000 + number],
                "settings": settings,
                "validation": 0.9 - 0.03 * (depth + 1) * draw.random(),
            }
            for number, settings in enumerate(drawn)
        ]
        rows.append(describe_trials(level["value"], runs[1:] if depth == 0 else runs))
    rows[0]["against_first"] = None
    sentence = (
        "The best of 5 random trials instead of one is expected to gain 4.1 points at depth 4 and 1.0 at depth 1."
    )
    return study | {
        "sensitivity": {
            "metric": "accuracy",
            "names": list(SETTINGS),
            "several": 5,
            "near": 0.01,
            "by_depth": rows,
            "answer": {"verdict": verdict, "sentence": sentence},
        }
    }


def describe_trials(value: Any, runs: list[dict[str, Any]]) -> dict[str, Any]:
    scores = sorted(run["validation"] for run in runs)
    return {
        "value": value,
        "trials": len(runs),
        "mean": sum(scores) / len(scores),
        "sd": 0.0123,
        "min": scores[0],
        "max": scores[-1],
        "quartiles": [scores[len(scores) // 4], scores[len(scores) // 2], scores[3 * len(scores) // 4]],
        "near_best": 0.25,
        "not_above_chance": 1 / len(scores),
        "best": max(runs, key=lambda run: run["validation"]),
        "gain": 0.0321,
        "expected_best": [scores[0] + (scores[-1] - scores[0]) * (1 - 0.7**n) for n in range(1, len(scores) + 1)],
        "runs": runs,
        "against_first": {
            "trials": len(runs),
            "gains": [0.01, 0.03],
            "difference": 0.0211,
            "low": 0.0052,
            "high": 0.0399,
        },
    }


def with_tuning(study: dict[str, Any]) -> dict[str, Any]:
    """Each depth with the settings of its best trial; the learning rate of the first depth is the smallest tried."""
    study = with_trials(study)
    rows = []
    for number, row in enumerate(study["sensitivity"]["by_depth"]):
        chosen = dict(row["best"]["settings"])
        tried = {name: sorted(run["settings"][name] for run in row["runs"]) for name in SETTINGS}
        if number == 0:
            chosen[SETTINGS[0]] = tried[SETTINGS[0]][0]
        rows.append(
            {
                "value": row["value"],
                "trials": row["trials"],
                "chosen": chosen,
                "validation": row["max"],
                "seconds": 100.0 * (number + 1),
                "tried": tried,
                "at_edge": [SETTINGS[0]] if number == 0 else [],
            }
        )
    notes = ["Each depth has its own recipe, chosen by validation among the same 12 trials: 12 x 4 trainings more."]
    tuning = {"mode": "per_depth", "trials": 12, "by_depth": rows, "seconds": sum(row["seconds"] for row in rows)}
    return study | {"tuning": tuning, "notes": notes + study["notes"][1:]}
