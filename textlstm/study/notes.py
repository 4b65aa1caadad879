"""What must be said beside the answer of a study: on what it rests and what it cannot tell."""

from collections.abc import Mapping, Sequence
from typing import Any

from textlstm.study.edges import edges_of_grid, edges_of_trials
from textlstm.study.equal_size import equal_size_note
from textlstm.study.factors import DEPTH, Factor
from textlstm.study.recommendation import FEWEST_SEEDS
from textlstm.study.sensitivity import trials_of

CODE_DIGITS = 10


def notes(
    factor: Factor,
    *,
    tuning: Mapping[str, Any],
    grid: Mapping[str, Any] | None,
    why_seeds: str | None,
    copies: int,
    failed: Sequence[Mapping[str, Any]],
) -> list[str]:
    """Sentences for the first screen, the weightiest first."""
    found = [_recipe(factor, tuning)]
    if grid:
        found.append(
            f"Everything here is at {grid['second']}={grid['chosen']}, which validation chose among {len(grid['second_values'])} "
            "values: it holds the best mean validation score of the grid."
        )
    found += [] if factor.drawn else _about_seeds(factor)
    if failed:
        names = ", ".join(str(each["run"]) for each in failed[:3]) + (" and others" if len(failed) > 3 else "")
        found.append(
            f"{len(failed)} run{'s' * (len(failed) > 1)} failed and {'are' if len(failed) > 1 else 'is'} missing: {names}."
        )
    found += edges_of_grid(factor, grid) if grid else []
    found += edges_of_trials(factor, tuning)
    if why_seeds:
        found.append(why_seeds)
    if len(factor.split_seeds) < 2 and not factor.drawn:
        found.append("Intervals are conditional on one split of the data.")
    same_size = equal_size_note(factor)
    return found + ([same_size] if same_size else []) + _about_runs(factor, tuning, copies)


def _recipe(factor: Factor, tuning: Mapping[str, Any]) -> str:
    """Whether each level had its own recipe, and what that cost."""
    if factor.drawn:
        trials = [runs for level in factor.levels for runs in trials_of(level, factor.drawn)]
        seeds = max(len(runs) for runs in trials)
        count = max(len(trials_of(level, factor.drawn)) for level in factor.levels)
        each = "one seed" if seeds == 1 else f"{seeds} seeds, of which the mean is told"
        return f"Every depth was tried with the same {count} settings drawn at random ({', '.join(factor.drawn)}), each with {each}."
    if tuning["mode"] == "per_depth":
        depths = len(tuning["by_depth"])
        return (
            f"Each depth has its own recipe, chosen by validation among the same {tuning['trials']} trials: "
            f"{tuning['trials']} x {depths} trainings more, {_duration(tuning['seconds'])} in all."
        )
    if factor.name == DEPTH:
        return "One recipe for all depths: it favours the depth that it was made for."
    return f"One recipe for all values of {factor.name}: it favours the value that it was made for."


def _about_seeds(factor: Factor) -> list[str]:
    """What few seeds cannot tell."""
    seeds = min(len(level.runs) for level in factor.levels)
    found = []
    if seeds < FEWEST_SEEDS:
        found.append("Fewer than five seeds: estimates and the least difference that could be seen, no claim.")
    if seeds in (2, 3):
        found.append(
            f"With {seeds} seeds 95% intervals are somewhat too narrow where seeds matter more than examples"
            f"{' (92% in simulation)' if seeds == 3 else ''}."
        )
    return found


def _about_runs(factor: Factor, tuning: Mapping[str, Any], copies: int) -> list[str]:
    """Where runs differ in more than what is compared."""
    runs, found = factor.runs, []
    versions = {str(run.commit or run.version)[:CODE_DIGITS] for run in runs}
    if len(versions) > 1:
        found.append(
            f"The runs come from {len(versions)} versions of the code ({', '.join(sorted(versions))}): a difference may be theirs."
        )
    counts = {len(level.runs) for level in factor.levels}
    if len(counts) > 1:
        found.append(f"Levels have {min(counts)} to {max(counts)} runs each.")
    tuned = {name for row in tuning["by_depth"] for name in row["chosen"]}
    along = [name for name in factor.along if name not in tuned]
    if along:
        found.append(f"What changes along with {factor.name}: {', '.join(along)}.")
    if any(run.config.get("training.patience") is not None for run in runs):
        found.append("Runs could stop early (training.patience): their budgets are not the same.")
    if copies:
        found.append(
            f"{copies} run{'s' * (copies > 1)} with the same settings and seed as another: only the newest is counted."
        )
    if any(run.last is None for run in runs) and not factor.drawn:
        found.append("Some reports hold no scores of the last epoch (last_splits): verdicts use the history.")
    return found


def _duration(seconds: float) -> str:
    """40 s, 12 min or 3 h 5 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(int(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
