"""A desk at which the commands are tried, on texts that a network learns in a second.

A process of its own costs six seconds of imports. So most tests call `main()` of `train.py`,
`evaluate.py`, `textlstm.predict` and `textlstm.export` in this process; a real one is started where the process
itself is what is tested.
"""

import csv
import gc
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

import textlstm.export
import textlstm.predict
from textlstm.door.alone import runs as started_runs
from textlstm.door.run_folder import run_name

ROOT = Path(__file__).resolve().parents[2]

QUICK = [
    "embedding=random",
    "embedding.embedding_size=8",
    "model.hidden_size=8",
    "training.epochs=2",
    "training.batch_size=8",
    "training.threads=1",
    "tokenizer.minimum_count=1",
]
"""Overrides of a run of about a second: 2 epochs of 6 updates on 60 texts."""

WORDS = {
    "sport": "goal team match player coach league score win season cup".split(),
    "tech": "phone software chip network screen computer code data robot laser".split(),
    "food": "bread soup cheese apple kitchen sugar salt oven dinner spice".split(),
}

JARGON = re.compile(
    r"Traceback|HYDRA_FULL_ERROR|Error executing job|LexerNoViable|no viable alternative|mismatched input|<EOF>|hydra\.cc"
    r"|struct|full_key|object_type|pkg://|provider=|ConfigComposition|Could not (?:append|override)|ValidationError"
    r"|pydantic|NoneType|ignore_mismatched_sizes",
)
"""What belongs to the machinery and not into a message."""

Row = tuple[str, str]


def load_main(name: str) -> Callable[[], None]:
    """`main` of a script, loaded under a name that shadows no module."""
    spec = importlib.util.spec_from_file_location(f"textlstm_script_{name}", ROOT / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main  # type: ignore[no-any-return]


gc.freeze()  # training collects garbage twice a run: what was imported need not be looked at again

MAINS = {
    "train": load_main("train"),
    "evaluate": load_main("evaluate"),
    "predict": textlstm.predict.main,
    "export": textlstm.export.main,
}


def environment(**more: str) -> dict[str, str]:
    """This process's environment, with one thread, no network and wide lines."""
    return os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "200"} | more


@dataclass
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def folder(self) -> Path:
        """The run's folder, as the output names it."""
        (folder,) = set(re.findall(r"^run +(.+?)$", self.out, re.MULTILINE))
        return Path(folder)

    def line(self, name: str) -> str:
        """What stands behind `name` in the last line that starts with it."""
        return re.findall(rf"^{name} +(.+?)$", self.out, re.MULTILINE)[-1]  # type: ignore[no-any-return]


@dataclass
class Desk:
    """Commands, and the files to try them on; `place` is the current folder of the commands run here."""

    place: Path
    capture: pytest.CaptureFixture[str] | None = None
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    def run(self, name: str, *arguments: str) -> Outcome:
        """Call the command `train`, `evaluate`, `predict` or `export` here, as a fresh process would."""
        assert self.capture is not None
        GlobalHydra.instance().clear()
        HydraConfig.instance().cfg = None
        run_name.cache_clear()
        started_runs.clear()
        argv, handler = sys.argv, signal.getsignal(signal.SIGTERM)
        sys.argv = [f"{name}.py", *arguments]
        self.capture.readouterr()
        code: Any = 0
        try:
            MAINS[name]()
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            sys.argv = argv
            signal.signal(signal.SIGTERM, handler)
            os.environ.pop("HYDRA_FULL_ERROR", None)
        return Outcome(code, *self.capture.readouterr())

    def train(self, *overrides: str) -> Outcome:
        """A quick run on `rows.csv` that must succeed."""
        outcome = self.run("train", *self.quick(), *overrides)
        assert outcome.code == 0, outcome.err
        return outcome

    def study(self, *overrides: str) -> Outcome:
        """A study of quick runs on `rows.csv`, carried out in this process."""
        quick = self.quick("dataset.train=rows.csv", "training.epochs=1", "study.workers=0")
        return self.run("train", *quick, *overrides)

    def evaluate(self, checkpoint: Path | str, *overrides: str) -> Outcome:
        """An evaluation that must succeed."""
        outcome = self.run("evaluate", f"checkpoint={checkpoint}", *overrides)
        assert outcome.code == 0, outcome.err
        return outcome

    def quick(self, *overrides: str) -> list[str]:
        """The overrides of a quick run on `rows.csv`, without the linear baseline."""
        if not (self.place / "rows.csv").exists():
            self.csv("rows.csv", self.rows())
        return [*QUICK, "baseline=none", "dataset=files", f"dataset.train={self.place / 'rows.csv'}", *overrides]

    def rows(self, number: int = 60, classes: Sequence[str] = ("sport", "tech", "food"), seed: int = 0) -> list[Row]:
        """`number` distinct (text, label) rows, the classes in turn; the words of a text tell its class."""
        draw = random.Random(seed)
        names = [classes[i % len(classes)] for i in range(number)]
        return [
            (" ".join([*draw.choices(WORDS[name], k=draw.randint(3, 7)), f"number{i}"]), name)
            for i, name in enumerate(names)
        ]

    def csv(self, name: str, rows: Sequence[Sequence[Any]], header: Sequence[str] = ("text", "label")) -> Path:
        """A csv file in the current folder."""
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    def write(self, name: str, content: str | bytes) -> Path:
        """A file in the current folder."""
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def copy(self, run: Path, name: str = "copy") -> Path:
        """A copy of a run's folder, to be changed."""
        return Path(shutil.copytree(run, self.place / name))

    def report(self, folder: Path) -> dict[str, Any]:
        """The results in `report.json`."""
        return self.json(folder / "report.json")

    def json(self, path: Path) -> dict[str, Any]:
        """The object in a JSON file; NaN and infinity, which are no JSON, raise."""

        def refuse(constant: str) -> None:
            raise AssertionError(f"{path} holds {constant}")

        return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)  # type: ignore[no-any-return]

    def finished_runs(self) -> list[Path]:
        """Every folder below the current one that looks like a finished run."""
        return sorted(path.parent for path in self.place.rglob("report.json"))

    def assert_refused(self, outcome: Outcome, says: Sequence[str], *finished: Path) -> None:
        """Exit code 1, at most three lines that hold each of `says`, nothing of the machinery, no finished run."""
        assert outcome.code == 1, (outcome.code, outcome.out, outcome.err)
        assert 1 <= len(outcome.err.splitlines()) <= 3, outcome.err
        assert outcome.err.startswith("Error: ")
        assert not JARGON.search(outcome.err + outcome.out), outcome.err
        for word in says:
            assert re.search(word, outcome.err), (word, outcome.err)
        assert not re.search(r"(?:use|add|prefix|append)[^.\n]*\+", outcome.err, re.IGNORECASE), "advice to add a +"
        assert self.finished_runs() == sorted(finished)

    def python(self, *arguments: str, cwd: Path = ROOT, **variables: str) -> Outcome:
        """A real process to its end."""
        process = self.start(*arguments, cwd=cwd, **variables)
        out, err = process.communicate(timeout=280)
        return Outcome(process.returncode, out, err)

    def start(self, *arguments: str, cwd: Path = ROOT, **variables: str) -> "subprocess.Popen[str]":
        """A real process that goes on beside the test; it is killed with the desk."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End what was started and still runs."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


@pytest.fixture
def pages() -> None:
    """A test that asks for this gets real `report.html`; drawing them is a third of the time of a quick run."""


@pytest.fixture
def desk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Iterator[Desk]:
    """An empty current folder, no network, lines as wide as they need be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    if "pages" not in request.fixturenames:
        monkeypatch.setattr("textlstm.reports.report.render_page", lambda report: "not drawn")
    desk = Desk(tmp_path, capfd)
    yield desk
    desk.close()


@pytest.fixture(scope="session")
def desk_at() -> type[Desk]:
    """`desk_at(place)`, for runs that several tests share."""
    return Desk


@dataclass
class Finished:
    """A finished run with a linear baseline, made by a real process; to be read only."""

    place: Path
    folder: Path
    overrides: list[str]
    outcome: Outcome

    @property
    def report(self) -> dict[str, Any]:
        """Its results."""
        return json.loads((self.folder / "report.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """One quick run of the whole session: `python train.py` with its output below a folder of its own."""
    desk = Desk(tmp_path_factory.mktemp("finished"))
    overrides = [*desk.quick("baseline=linear"), f"output_dir={desk.place / 'runs'}"]
    outcome = desk.python("train.py", *overrides)
    assert outcome.code == 0, outcome.err
    return Finished(desk.place, outcome.folder, overrides, outcome)
