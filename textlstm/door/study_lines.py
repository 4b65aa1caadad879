"""What a study says while it runs: a line a finished run, and in a terminal one that moves."""

import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from textlstm.door.study_folder import Standing
from textlstm.door.study_plan import StudyPlan
from textlstm.door.study_shared import describe_shared, group_by_preparation
from textlstm.training.history import format_seconds


def print_standing(console: Console, folder: Path, plan: StudyPlan, standing: Standing) -> None:
    """Where the study lives, what is reused, what is to do, and what to know about it."""
    begun, to_do = len(standing.begun), len(standing.begun) + len(standing.missing)
    wrong = len(plan.runs) - len(plan.valid)
    console.print(f"study     {folder}")
    console.print(
        f"runs      {len(plan.runs)}: reused {len(standing.finished)}, to do {to_do}"
        + (f" ({begun} from {'its' if begun == 1 else 'their'} newest checkpoint)" if begun else "")
        + (f", cannot be done {wrong}" if wrong else "")
    )
    notes = list(standing.notes)
    if standing.others:
        notes.append(
            f"{standing.others} more finished run{'s' * (standing.others != 1)} in this folder: of other settings or data, "
            "and no part of this command; study=NAME keeps studies apart"
        )
    for note in notes:
        console.print(f"note      {note}")


def print_plan(console: Console, folder: Path, plan: StudyPlan, standing: Standing) -> None:
    """`explain=true`: every run with its folder and how far it is, and what the runs share; nothing is trained."""
    print_standing(console, folder, plan, standing)
    for run in plan.runs:
        state = "finished" if run in standing.finished else "begun" if run in standing.begun else "to do"
        console.print(
            f"{state if run.error is None else 'wrong':<10}{folder / run.folder if run.folder else run.label}"
        )
        if run.error is not None:
            console.print(f"          {run.error.splitlines()[0]}")
    for group in group_by_preparation(plan.valid):
        console.print(f"shared    {describe_shared(group)}")


class Pace:
    """How long runs take: the mean of those of the same depth where there are any, else of all."""

    def __init__(self, known: Iterable[tuple[object, float]] = ()) -> None:
        self.seconds: dict[object, list[float]] = defaultdict(list)
        for depth, seconds in known:
            self.add(depth, seconds)

    def add(self, depth: object, seconds: float) -> None:
        """A run that was carried out whole."""
        self.seconds[depth].append(seconds)

    def expected(self, depth: object) -> float | None:
        """Seconds of a run; None while nothing is known."""
        known = self.seconds.get(depth) or [value for values in self.seconds.values() for value in values]
        return sum(known) / len(known) if known else None


class StudyLines:
    """Counts runs that are done, running and failed, and estimates the time left.

    depths: of the runs to be carried out, in order. workers: how many at a time.
    """

    def __init__(
        self, console: Console, depths: list[object], done: int, failed: int, workers: int, pace: Pace
    ) -> None:
        self.console, self.depths, self.workers, self.pace = console, depths, workers, pace
        self.done, self.failed, self.total = done, failed, done + failed + len(depths)
        self.begun: dict[int, float] = {}
        self.ended: set[int] = set()
        self.bar: Progress | None = None

    def __enter__(self) -> "StudyLines":
        """Open the moving line."""
        if self.console.is_terminal:
            columns = (TextColumn("study"), BarColumn(), TextColumn("{task.fields[state]}"))
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task(
                "study", total=self.total, completed=self.done + self.failed, state=self.state()
            )
            self.bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take the moving line off the screen, also when the study is interrupted."""
        if self.bar:
            self.bar.stop()

    def begin(self, number: int) -> None:
        """A run was begun."""
        self.begun[number] = time.perf_counter()
        self.move()

    def end(self, number: int, line: str | None, seconds: float) -> None:
        """A run has ended after `seconds` of training; `line` says how well, None that it failed."""
        self.begun.pop(number, None)
        self.ended.add(number)
        self.done, self.failed = self.done + (line is not None), self.failed + (line is None)
        if line is not None:
            self.pace.add(self.depths[number], seconds)
            self.console.print(f"done      {line}  ({self.state()})")
        self.move()

    def move(self) -> None:
        """Redraw the moving line."""
        if self.bar:
            self.bar.update(self.task, completed=self.done + self.failed, state=self.state())

    def state(self) -> str:
        """Runs done, running, failed, and the time left where it can be told."""
        left = self.seconds_left()
        words = [f"{self.done} of {self.total} done", f"{self.running()} running", f"{self.failed} failed"]
        return ", ".join([*words, f"{format_seconds(left)} left"] if left is not None else words)

    def running(self) -> int:
        """Runs that are being carried out, counting those that a free worker is about to begin."""
        return min(self.workers, self.total - self.done - self.failed)

    def seconds_left(self) -> float | None:
        """What the runs that are not over still take, on all workers together; never less than the longest of them."""
        now, rest = time.perf_counter(), []
        for number, depth in enumerate(self.depths):
            if number not in self.ended:
                expected = self.pace.expected(depth)
                if expected is None:
                    return None
                rest.append(max(expected - (now - self.begun.get(number, now)), 0.0))
        return max(sum(rest) / self.workers, max(rest)) if rest else 0.0
