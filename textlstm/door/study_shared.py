"""What the runs of a study share, made once by its own process and left in files for the workers."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from textlstm.door.matched import Match, match_in_study, with_found
from textlstm.door.messages import in_words, say_failed
from textlstm.door.prepared import Prepared, data_key, load_prepared, preparation_key, save_prepared
from textlstm.door.program import Program
from textlstm.door.study_plan import StudyPlan, StudyRun
from textlstm.errors import UserError

PREPARED = ".prepared"
"""Its folder, below that of the study; removed at the end, and at the beginning where a killed study left it."""


@contextmanager
def shared_files(
    program: Program, plan: StudyPlan, runs: Sequence[StudyRun], folder: Path, console: Console
) -> Iterator[dict[str, Path]]:
    """The file that each run of `runs` needs, by the run's folder. Where it cannot be made, the run has its error."""
    place = folder / PREPARED
    _remove(place)
    files: dict[str, Path] = {}
    linear: dict[str, dict[str, Any] | None] = {}
    try:
        for group in group_by_preparation(runs):
            first = group[0].settings
            assert first is not None
            assert program.prepare is not None
            console.print(f"preparing {describe_shared(group)}")
            data = data_key(first)
            path = place / f"{hashlib.sha256(preparation_key(first).encode()).hexdigest()[:12]}.pickle"
            try:
                prepared = program.prepare(first, plan.data[data])
                prepared.linear = linear.get(data)
                linear[data] = prepared.baseline(first.run.baseline) or prepared.linear
                prepared.encoder_baseline(first.run.baseline)
                save_prepared(prepared, path)
            except (UserError, OSError) as error:
                reason = in_words(error, "config") if isinstance(error, OSError) else error
                if not isinstance(reason, UserError):
                    raise
                for run in group:
                    run.error = str(reason)
                    say_failed(run.name, run.error)
                continue
            files |= {run.folder: path for run in group}
            if program.match is not None:
                _match(program.match, prepared, group, folder, console)
        yield files
    finally:
        _remove(place)


def _match(match: Match, prepared: Prepared, runs: Sequence[StudyRun], folder: Path, console: Console) -> None:
    """Give every run that asks for it its hidden size; one that has none has its error."""
    for run in runs:
        assert run.settings is not None
        if run.settings.match.match is None:
            continue
        try:
            run.config = with_found(run.config, match_in_study(run.settings, prepared, folder, match, console))
        except UserError as error:
            run.error = str(error)
            say_failed(run.name, run.error)


def group_by_preparation(runs: Sequence[StudyRun]) -> list[list[StudyRun]]:
    """Runs that can share one preparation, together."""
    groups: dict[str, list[StudyRun]] = {}
    for run in runs:
        assert run.settings is not None
        groups.setdefault(preparation_key(run.settings), []).append(run)
    return list(groups.values())


def describe_shared(group: Sequence[StudyRun]) -> str:
    """Which data, words, vectors and baseline, and for how many runs."""
    settings = group[0].settings
    assert settings is not None
    baseline = ", linear baseline" if settings.run.baseline == "linear" else ""
    return (
        f"{settings.dataset.name}: texts, tokens, vectors ({settings.embedding.name}){baseline}, once for {len(group)} run"
        + "s" * (len(group) != 1)
    )


def _remove(place: Path) -> None:
    load_prepared.cache_clear()
    shutil.rmtree(place, ignore_errors=True)
