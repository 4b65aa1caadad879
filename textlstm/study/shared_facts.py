"""What all runs of a study have in common besides their settings: baselines, machine, numbers of texts."""

from collections.abc import Sequence
from typing import Any

from textlstm.study.runs import SPLITS, Run


def shared_facts(runs: Sequence[Run]) -> dict[str, Any]:
    """`baseline` and `encoder_baseline` (scores by split), `machine` and `texts`; None where runs differ or do not say."""
    texts = {split: _same([(run.best.get(split) or {}).get("examples") for run in runs]) for split in SPLITS}
    return {
        "baseline": _same_scores([run.baseline for run in runs]),
        "encoder_baseline": _same_scores([run.encoder_baseline for run in runs]),
        "machine": {name: _same([run.training.get(name) for run in runs]) for name in ("device", "threads")},
        "texts": texts,
    }


def _same_scores(scores: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Of each split the scores that all have."""
    found = {split: _same([each.get(split) for each in scores]) for split in SPLITS}
    return {split: same for split, same in found.items() if same} or None


def _same(values: Sequence[Any]) -> Any:
    """The value that all have."""
    return values[0] if all(value == values[0] for value in values) else None
