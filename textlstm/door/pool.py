"""Worker processes for the runs of a study: fresh interpreters, each with one run at a time.

A worker that dies (of memory, most often) is the failure of its run alone, and another takes its place.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import textlstm
from textlstm.door.study_job import LOG, Answer, Job, carry_out, note_error
from textlstm.training.machine import choose_device
from textlstm.training.settings import TrainingSettings

TICK = 0.5
"""Seconds between two looks at the clock while nothing happens."""


@dataclass(frozen=True)
class Event:
    """A run was begun (no answer yet) or has ended; number: its place in the list of jobs."""

    number: int
    answer: Answer | None = None


def count_workers(asked: int | None, runs: Sequence[TrainingSettings]) -> int:
    """As asked; else as many as have a core for each of their threads, and one where a GPU trains, whose memory they share."""
    if asked is not None:
        return asked
    if any(choose_device(training.device).type == "cuda" for training in runs):
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // max(training.threads or 1 for training in runs))


def carry_out_here(jobs: Sequence[Job], run: Callable[..., None]) -> Iterator[Event | None]:
    """As `Pool.run`, without other processes: one run after the other."""
    for number, job in enumerate(jobs):
        yield Event(number)
        yield Event(number, carry_out(job, run))


class Pool:
    """Up to `size` processes that carry out jobs with the function `name` of `script`."""

    def __init__(self, size: int, script: Path, name: str, threads: int) -> None:
        self.size, self.threads = size, threads
        self.command = [sys.executable, "-P", "-m", "textlstm.door.worker", str(os.getpid()), str(script), name]
        self.workers: list[_Worker] = []
        self.answers: queue.Queue[tuple[_Worker, str | None]] = queue.Queue()

    def start(self, number: int) -> None:
        """Start workers ahead of their jobs: imports take seconds."""
        while len(self.workers) < min(self.size, number):
            self.workers.append(_Worker(self.command, _environment(self.threads), self.answers))

    def run(self, jobs: Sequence[Job]) -> Iterator[Event | None]:
        """Give out `jobs` in order; yield what happens, and None at least every `TICK` seconds."""
        waiting = deque(enumerate(jobs))
        while waiting or any(worker.number is not None for worker in self.workers):
            self.start(len(waiting) + sum(worker.number is not None for worker in self.workers))
            for worker in self.workers:
                if worker.number is None and waiting:
                    number, job = waiting.popleft()
                    worker.give(number, job)
                    yield Event(number)
            try:
                worker, line = self.answers.get(timeout=TICK)
            except queue.Empty:
                yield None
                continue
            if line is None:
                self.workers.remove(worker)
            if worker.number is not None:
                number, worker.number = worker.number, None
                yield Event(number, Answer(**json.loads(line)) if line else _killed(jobs[number], worker.wait()))

    def close(self) -> None:
        """Kill what still runs: a run that is cut off goes on from its newest checkpoint, or starts again."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.wait()
        self.workers.clear()


class _Worker:
    """A process, the number of its job, and a thread that reads its answers."""

    def __init__(self, command: list[str], environment: dict[str, str], answers: "queue.Queue[Any]") -> None:
        # In a session of its own, Ctrl-C in the terminal reaches the parent alone, which ends the workers.
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self.number: int | None = None
        threading.Thread(target=self._listen, args=(answers,), daemon=True).start()

    def give(self, number: int, job: Job) -> None:
        """Send a job; a worker that has died meanwhile says so by the end of its answers."""
        self.number = number
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(asdict(job)) + "\n")
            self.process.stdin.flush()
        except OSError:
            return

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        status = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()
        return status

    def _listen(self, answers: "queue.Queue[Any]") -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            answers.put((self, line))
        answers.put((self, None))


def _environment(threads: int) -> dict[str, str]:
    """The parent's, with as few threads in the libraries below torch, and this textlstm."""
    own = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    paths = [str(Path(textlstm.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | own | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}


def _killed(job: Job, status: int) -> Answer:
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with exit code {status}"
    error = (
        f"The process of this run {how} in the middle of it; most often memory was short.\n"
        f"Fewer at a time: study.workers=N. What it said last: {Path(job.folder) / LOG}"
    )
    note_error(Path(job.folder), error)
    return Answer(0.0, error)
