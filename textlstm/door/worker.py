"""A process that carries out runs of a study, one after the other: `python -m textlstm.door.worker PARENT SCRIPT NAME`.

It reads jobs from stdin and writes answers to stdout, a line of JSON each. It ends with its parent,
also where that is killed: Linux sends a signal, and everywhere the pipe from the parent closes.
"""

import ctypes
import json
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from textlstm.door.program import load_function
from textlstm.door.study_job import LOG, Job, carry_out

SET_SIGNAL_OF_PARENTS_DEATH = 1
"""PR_SET_PDEATHSIG of Linux's prctl."""


def work(parent: int, script: Path, name: str) -> None:
    """Carry out jobs until there is no more parent to send any."""
    die_with(parent)
    warnings.formatwarning = lambda message, *_, **__: f"warning   {message}\n"
    jobs: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()
    run = load_function(script, name)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    while True:
        job = Job(**json.loads(jobs.get()))
        # So that `environment.json` names the command that makes this run alone.
        sys.argv = [str(script), *job.overrides]
        with _output_into(Path(job.folder)):
            answer = carry_out(job, run)
        print(json.dumps(asdict(answer)), file=answers, flush=True)


def die_with(parent: int) -> None:
    """Let Linux kill this process when its parent dies; leave at once where it is dead already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SET_SIGNAL_OF_PARENTS_DEATH, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _listen(jobs: "queue.Queue[str]") -> None:
    """Pass on each line; at the end of the pipe the parent is gone, and nothing shall be begun or finished."""
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)


@contextmanager
def _output_into(folder: Path) -> Iterator[None]:
    """What is printed, by Python or below it, goes to the end of the run's log."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = os.dup(1), os.dup(2)
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)
        os.close(log)


if __name__ == "__main__":
    work(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
