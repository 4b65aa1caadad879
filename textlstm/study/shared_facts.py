"""What all runs of a study have in common besides their settings: baseline, machine, numbers of texts."""

from collections.abc import Sequence
from typing import Any

from textlstm.study.runs import SPLITS, Run


def shared_facts(runs: Sequence[Run]) -> dict[str, Any]:
    """`baseline` (scores of the linear classifier), `machine` and `texts`; None where runs differ or do not say."""
    baseline = {split: _same([run.baseline.get(split) for run in runs]) for split in SPLITS}
    texts = {split: _same([(run.best.get(split) or {}).get("examples") for run in runs]) for split in SPLITS}
    return {
        "baseline": {split: scores for split, scores in baseline.items() if scores} or None,
        "machine": {name: _same([run.training.get(name) for run in runs]) for name in ("device", "threads")},
        "texts": texts,
    }


def _same(values: Sequence[Any]) -> Any:
    """The value that all have."""
    return values[0] if all(value == values[0] for value in values) else None
