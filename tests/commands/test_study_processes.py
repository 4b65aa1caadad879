"""Studies in real processes: workers beside each other, and the kills that the same command mends."""

import os
import re
import shlex
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHECKPOINT = "*/checkpoints/checkpoint-*/trainer_state.json"
STUDY = ["sweep=depth", "model.layers=1,2", "seed=0,1", "training.epochs=40", "training.learning_rate=1e-4"]
STUDY += ["model.dropout=0.3", "study.workers=2"]
"""Four runs of 240 updates."""


def command(desk: Any, name: str) -> list[str]:
    runs = desk.place / "runs"
    return ["train.py", *desk.quick(*STUDY), f"dataset.train={rows(desk)}", f"output_dir={runs}", f"study={name}"]


def rows(desk: Any) -> Path:
    """The same path for every test, since it is part of a run's configuration."""
    path = Path(desk.place.parent / "rows.csv")
    if not path.exists():
        desk.csv(str(path), desk.rows())
    return path


def weights(study: Path) -> dict[str, bytes]:
    """Of the finished runs, by the names of their folders."""
    runs = [path.parent for path in study.glob("*/report.json")]
    return {run.name: (run / "model" / "model.safetensors").read_bytes() for run in runs}


def wait_until(what: Callable[[], Any], process: Any = None, seconds: float = 200) -> Any:
    """What `what` gives, once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s")


def workers_of(parent: int) -> list[int]:
    """Process ids of living workers that were started by `parent`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            state = (path.parent / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if b"textlstm.door.worker" in words and str(parent).encode() in words and state != "Z":
            found.append(int(path.parent.name))
    return found


def wait_for_workers(process: Any) -> None:
    wait_until(lambda: process.poll() is not None or workers_of(process.pid))


def wait_for_end_of_workers(process: Any) -> None:
    """They end with their parent, however it ended."""
    wait_until(lambda: not workers_of(process.pid), seconds=10)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, desk_at) -> dict[str, bytes]:
    """Weights of the study that nobody interrupted."""
    desk = desk_at(tmp_path_factory.mktemp("whole"))
    outcome = desk.python(*command(desk, "whole"))
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    return weights(desk.place / "runs" / "whole")


def test_workers_give_what_one_process_gives(desk):
    """Not slow: the way that every study takes is to be tried each time."""
    study = ["-m", "model.layers=1,0,2", "training.epochs=1"]
    outcome = desk.run("train", *desk.quick(*study, "study=beside", "study.workers=2"))
    assert outcome.code == 1
    assert "model.layers=0" in outcome.err
    assert len(re.findall("^done ", outcome.out, re.MULTILINE)) == 2
    assert re.search(r"\(2 of 3 done, 0 running, 1 failed, 0:00 left\)", outcome.out)
    assert "epoch 1/1" not in outcome.out, "the lines of the runs belong into their logs"
    assert desk.run("train", *desk.quick(*study, "study=after", "study.workers=0")).code == 1
    beside, after = desk.place / "runs" / "beside", desk.place / "runs" / "after"
    assert len(weights(beside)) == 2
    assert weights(beside) == weights(after)
    for run in (path.parent for path in beside.glob("*/report.json")):
        assert "epoch 1/1" in (run / "log.txt").read_text()
        assert desk.json(run / "environment.json")["threads"] == 1
        assert desk.json(run / "environment.json")["command"][0] == "train.py"
        assert desk.report(run)["splits"] == desk.report(after / run.name)["splits"]
        assert not (run / "checkpoints").exists()
    assert not (beside / ".prepared").exists()


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_study_that_is_stopped_is_finished_by_its_command(desk, whole, sent):
    study = desk.place / "runs" / "x"
    process = desk.start(*command(desk, "x"))
    wait_until(lambda: list(study.glob(CHECKPOINT)), process)
    pids = workers_of(process.pid)
    assert len(pids) == 2
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    wait_for_end_of_workers(process)
    assert not list(study.glob("*/report.json"))
    assert process.returncode == (-signal.SIGKILL if sent == signal.SIGKILL else 130)
    again = command(desk, "x")
    if sent != signal.SIGKILL:
        (line,) = err.splitlines()
        again = shlex.split(line[line.index("train.py") :])
    outcome = desk.python(*again)
    assert outcome.code == 0, outcome.err
    assert re.search(r"reused 0, to do 4 \([12] from (its|their) newest checkpoint\)", outcome.out)
    assert weights(study) == whole
    assert not (study / ".prepared").exists()


@pytest.mark.slow
def test_a_study_stopped_between_its_runs_keeps_the_finished_ones(desk, whole):
    study = desk.place / "runs" / "x"
    process = desk.start(*command(desk, "x"))
    wait_until(lambda: list(study.glob("*/report.json")), process)
    process.kill()
    process.communicate()
    wait_for_end_of_workers(process)
    before = {p: p.stat().st_mtime_ns for r in study.glob("*/report.json") for p in r.parent.rglob("*")}
    outcome = desk.python(*command(desk, "x"))
    assert outcome.code == 0, outcome.err
    assert re.search(r"reused [1-3], to do [1-3]", outcome.out)
    assert all(path.stat().st_mtime_ns == then for path, then in before.items() if "checkpoints" not in path.parts)
    assert weights(study) == whole


@pytest.mark.slow
def test_a_killed_worker_is_the_failure_of_its_run_alone(desk, whole):
    study = desk.place / "runs" / "x"
    process = desk.start(*command(desk, "x"))
    wait_until(lambda: list(study.glob(CHECKPOINT)), process)
    os.kill(workers_of(process.pid)[0], signal.SIGKILL)
    _, err = process.communicate(timeout=200)
    assert process.returncode == 1
    (failed,) = re.findall(r"^Failed: (\S+)$", err, re.MULTILINE)
    assert re.search("^The process of this run was ended by SIGKILL", err, re.MULTILINE)
    assert "1 run of the study failed; the others are done" in err
    assert "Traceback" not in err
    assert len(list(study.glob("*/report.json"))) == 3
    assert "SIGKILL" in desk.json(study / failed / "error.json")["error"]
    outcome = desk.python(*command(desk, "x"))
    assert outcome.code == 0, outcome.err
    assert "reused 3, to do 1" in outcome.out
    assert weights(study) == whole


@pytest.mark.slow
def test_a_study_killed_again_and_again(desk, whole):
    """Parent and workers in turn, at moments that nobody chose."""
    study = desk.place / "runs" / "x"
    for number in range(6):
        process = desk.start(*command(desk, "x"))
        wait_for_workers(process)
        time.sleep(4 + 1.7 * number)
        for pid in workers_of(process.pid)[: number % 2]:
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)
        process.kill()
        process.communicate()
        wait_for_end_of_workers(process)
    outcome = desk.python(*command(desk, "x"))
    assert outcome.code == 0, outcome.err
    assert weights(study) == whole


@pytest.mark.slow
def test_only_one_process_at_a_time_works_on_a_study(desk):
    process = desk.start(*command(desk, "x"))
    wait_until(lambda: list((desk.place / "runs" / "x").glob(CHECKPOINT)), process)
    outcome = desk.python(*command(desk, "x"))
    assert outcome.code == 1
    assert "another process" in outcome.err
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
