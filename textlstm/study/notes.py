"""What must be said beside the answer of a study: on what it rests and what it cannot tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from textlstm.study.factors import DEPTH, Factor
from textlstm.study.recommendation import FEWEST_SEEDS
from textlstm.study.runs import Run

CODE_DIGITS = 10


def notes(
    runs: Sequence[Run],
    factor: Factor,
    *,
    tuning: str,
    seeds: int,
    why_seeds: str | None,
    copies: int,
    failed: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Sentences for the first screen, the weightiest first. seeds: the fewest at any level."""
    depth = factor.name == DEPTH
    found = []
    if tuning == "none":
        found.append(
            "One recipe for all depths: it favours the depth that it was made for."
            if depth
            else f"One recipe for all values of {factor.name}: it favours the value that it was made for."
        )
    else:
        found.append("Each depth has its own recipe, chosen by validation with the same number of trials.")
    if seeds < FEWEST_SEEDS:
        found.append("Fewer than five seeds: estimates and the least difference that could be seen, no claim.")
    if failed:
        names = ", ".join(str(each["run"]) for each in failed[:3]) + (" and others" if len(failed) > 3 else "")
        found.append(
            f"{len(failed)} run{'s' * (len(failed) > 1)} failed and {'are' if len(failed) > 1 else 'is'} missing: {names}."
        )
    if why_seeds:
        found.append(why_seeds)
    if seeds in (2, 3):
        found.append(
            f"With {seeds} seeds 95% intervals are somewhat too narrow where seeds matter more than examples"
            f"{' (92% in simulation)' if seeds == 3 else ''}."
        )
    if len(factor.split_seeds) < 2:
        found.append("Intervals are conditional on one split of the data.")
    versions = {str(run.commit or run.version)[:CODE_DIGITS] for run in runs}
    if len(versions) > 1:
        found.append(
            f"The runs come from {len(versions)} versions of the code ({', '.join(sorted(versions))}): a difference may be theirs."
        )
    counts = {len(level.runs) for level in factor.levels}
    if len(counts) > 1:
        found.append(f"Levels have {min(counts)} to {max(counts)} runs each.")
    if factor.along:
        found.append(f"What changes along with {factor.name}: {', '.join(factor.along)}.")
    if any(run.config.get("training.patience") is not None for run in runs):
        found.append("Runs could stop early (training.patience): their budgets are not the same.")
    if copies:
        found.append(
            f"{copies} run{'s' * (copies > 1)} with the same settings and seed as another: only the newest is counted."
        )
    if any(run.last is None for run in runs):
        found.append("Some reports hold no scores of the last epoch (last_splits): verdicts use the history.")
    return found
