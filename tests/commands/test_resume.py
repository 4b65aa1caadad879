"""A run that was interrupted goes on where it was, and ends bit for bit as if nothing had happened."""

import json
import re
import shlex
import shutil
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from textlstm.training.history import ProgressLines

ROOT = Path(__file__).resolve().parents[2]
RUN = ["model.dropout=0.3", "training.epochs=3"]
"""3 epochs of 6 updates, with dropout: the random state matters."""


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int, error: type[BaseException] = KeyboardInterrupt) -> None:
    """Raise after the update `step`, before a checkpoint of it can be written."""
    whole = ProgressLines.on_step_end

    def stop(self: ProgressLines, args: Any, state: Any, control: Any, **rest: Any) -> None:
        whole(self, args, state, control, **rest)
        if state.global_step == step:
            raise error

    monkeypatch.setattr(ProgressLines, "on_step_end", stop)


@pytest.fixture
def interrupted(desk, monkeypatch):
    """`interrupted(step)` starts a run, stops it after that update, and gives its folder and what was said."""

    def start(step: int, *overrides: str, default: Sequence[str] = RUN):
        with monkeypatch.context() as patch:
            interrupt_at(patch, step)
            outcome = desk.run("train", *desk.quick(*default, *overrides))
        assert outcome.code == 130
        return outcome

    return start


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> dict[str, Path]:
    """The folder of the run `whole`, made once."""
    return {"below": tmp_path_factory.mktemp("whole")}


@pytest.fixture
def whole(desk, shared) -> Path:
    """The same run, uninterrupted."""
    if "run" not in shared:
        shared["run"] = desk.train(*RUN, f"output_dir={shared['below']}").folder
    return shared["run"]


@pytest.mark.parametrize("step", [2, 6, 9, 18], ids=["before the first checkpoint", "at one", "inside", "at the end"])
def test_the_resumed_run_is_the_uninterrupted_one(desk, interrupted, whole, step):
    run = interrupted(step).folder
    assert not (run / "report.json").exists()
    outcome = desk.run("train", f"resume={run}")
    assert outcome.code == 0, outcome.err
    assert outcome.folder == run
    assert weights(run) == weights(whole)
    resumed, expected = desk.report(run), desk.report(whole)
    for same in ("splits", "generalization_gap", "data", "model", "labels"):
        assert resumed[same] == expected[same]
    for same in ("model", "training", "tokenizer", "embedding", "seed", "resume"):
        assert resumed["config"][same] == expected["config"][same]
    times = ("seconds",)
    for row, other in zip(resumed["history"], expected["history"], strict=True):
        assert {k: v for k, v in row.items() if k not in times} == {k: v for k, v in other.items() if k not in times}
    assert desk.finished_runs() == [desk.place / run]


def test_ctrl_c_ends_in_one_line_with_the_command_that_resumes(desk, interrupted):
    outcome = interrupted(9)
    (line,) = outcome.err.splitlines()
    command = re.search(r"python train\.py .*", line)
    assert command is not None
    program, script, *arguments = shlex.split(command[0])
    assert (program, script) == ("python", "train.py")
    assert desk.run("train", *arguments).code == 0
    assert (outcome.folder / "report.json").exists()


def test_the_command_can_be_typed_where_the_folder_has_a_space(desk, interrupted):
    line = interrupted(2, "output_dir=my runs").err
    assert desk.run("train", *shlex.split(line[line.index("train.py") :])[1:]).code == 0


def test_twice_interrupted(desk, interrupted, whole, monkeypatch):
    run = interrupted(8).folder
    with monkeypatch.context() as patch:
        interrupt_at(patch, 14)
        assert desk.run("train", f"resume={run}").code == 130
    assert desk.run("train", f"resume={run}").code == 0
    assert weights(run) == weights(whole)


@pytest.mark.parametrize("path", sorted((ROOT / "conf" / "regularization").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_regularization_draws_the_same_after_a_resumption(desk, interrupted, path):
    settings = [f"regularization={path.stem}", "training.epochs=2"]
    whole = desk.train(*settings).folder
    run = interrupted(8, *settings, default=()).folder
    assert desk.run("train", f"resume={run}").code == 0
    assert weights(run) == weights(whole)


def test_best_weights_of_before_the_interruption_are_kept(desk, interrupted):
    settings = ["training.learning_rate=0.05", "training.epochs=6", "seed=1"]
    whole = desk.train(*RUN, *settings).folder
    run = interrupted(27, *settings).folder
    assert desk.run("train", f"resume={run}").code == 0
    assert weights(run) == weights(whole)
    assert desk.report(run)["training"]["best_epoch"] == desk.report(whole)["training"]["best_epoch"]


def test_a_smoke_run_with_own_epochs_is_resumed_as_such(desk, interrupted):
    run = interrupted(8, "training=smoke").folder
    assert desk.run("train", f"resume={run}").code == 0
    assert desk.report(run)["training"]["epochs"] == 3


def test_a_half_written_checkpoint_is_passed_over(desk, interrupted, whole):
    """A kill while a checkpoint is written leaves files of it; `trainer_state.json` comes last."""
    run = interrupted(15).folder
    newest = run / "checkpoints" / "checkpoint-12"
    (newest / "trainer_state.json").write_text('{"global_step": 12, "log_hi')
    (newest / "optimizer.pt").write_bytes(b"")
    assert desk.run("train", f"resume={run}").code == 0
    assert weights(run) == weights(whole)


def test_a_damaged_checkpoint_is_named(desk, interrupted):
    run = interrupted(15).folder
    newest = run / "checkpoints" / "checkpoint-12"
    (newest / "optimizer.pt").write_bytes(b"damaged")
    desk.assert_refused(desk.run("train", f"resume={run}"), ["checkpoint-12"])


# ---------------------------------------------------------------- what may be said beside resume=


@pytest.fixture
def unfinished(desk, finished):
    """A copy of the finished run without its report."""
    run = desk.copy(finished.folder, "unfinished")
    (run / "report.json").unlink()
    return run


def test_the_same_overrides_are_accepted_again(desk, finished, unfinished):
    outcome = desk.run("train", *finished.overrides, f"resume={unfinished}")
    assert outcome.code == 0, outcome.err
    assert weights(unfinished) == weights(finished.folder)
    assert desk.report(unfinished)["splits"] == finished.report["splits"]


@pytest.mark.parametrize(
    "same",
    [
        "training.learning_rate={rate:e}",
        "training=default",
        "model.layers=2",
        "seed=0",
        "debug=true",
        "+seed=0",
        "dataset=files",
        "dataset.train={place}/rows.csv",
        "embedding.embedding_size=8",
        "embedding=random",
    ],
)
def test_what_is_already_so_is_accepted(desk, finished, same):
    given = same.format(place=finished.place, rate=finished.report["config"]["training"]["learning_rate"])
    outcome = desk.run("train", f"resume={finished.folder}", given)
    assert outcome.code == 0, outcome.err
    assert "finished" in outcome.out


CONTRADICTIONS = {
    "seed=1": ["seed=1", "0"],
    "model.layers=3": ["model.layers=3", "2"],
    "training.epochs=3": ["training.epochs=3", "2"],
    "training=smoke": ["training"],
    "model.hidden_size=[8,8]": ["model.hidden_size", "8"],
    "embedding=corpus": ["embedding"],
    "dataset=bbc_news": ["dataset"],
    "dataset.train=other.csv": ["dataset.train=other.csv"],
    "output_dir=elsewhere": ["output_dir=elsewhere"],
    "regularization=none": ["dropout|input_dropout|weight_decay"],
    "model.layer=2": ["model.layer'", "model.layers"],
    "+model.layer=2": ["model.layer'", "model.layers"],
    "foo=1": ["foo'"],
    "--foo": ["--foo"],
    "-m": ["-m|multirun"],
    "model.layers=2,3": ["model.layers"],
}


@pytest.mark.parametrize("override", CONTRADICTIONS)
def test_contradictions_are_refused(desk, unfinished, override):
    before = sorted(path for path in unfinished.rglob("*"))
    outcome = desk.run("train", f"resume={unfinished}", override)
    desk.assert_refused(outcome, CONTRADICTIONS[override])
    assert sorted(path for path in unfinished.rglob("*")) == before


@pytest.mark.parametrize("form", ["resume={run}", "resume={run}/", "+resume={run}", "++resume={run}", "resume='{run}'"])
def test_a_finished_run_says_so_and_is_left_alone(desk, finished, form):
    before = {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")}
    outcome = desk.run("train", form.format(run=finished.folder))
    assert outcome.code == 0, outcome.err
    assert "finished" in outcome.out
    assert str(finished.folder) in outcome.out
    assert {path: path.stat().st_mtime_ns for path in finished.folder.rglob("*")} == before
    assert not list(desk.place.iterdir()), "a new run was started"


@pytest.mark.parametrize("given", ["nix", ".", "rows.csv", "{run}/model"])
def test_what_is_no_run_is_refused(desk, finished, given):
    desk.csv("rows.csv", desk.rows())
    given = given.format(run=finished.folder)
    desk.assert_refused(desk.run("train", f"resume={given}"), [re.escape(f"resume={given}"), "folder of a run"])


def test_nothing_given_to_resume_is_an_error_or_a_new_run_but_no_traceback(desk):
    desk.assert_refused(desk.run("train", *desk.quick("resume=")), ["resume", "empty"])


def test_data_that_changed_since_is_refused(desk, interrupted):
    run = interrupted(8).folder
    desk.csv("rows.csv", desk.rows()[:-3])
    desk.assert_refused(desk.run("train", f"resume={run}"), ["data", "changed"])


def test_tokens_that_have_other_ids_since_are_refused(desk, interrupted):
    path = interrupted(8).folder / "environment.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"vocabulary_fingerprint": "0" * 16}))
    desk.assert_refused(desk.run("train", f"resume={path.parent}"), ["tokens' ids changed", "0" * 16])


@pytest.mark.parametrize("name", ["config.yaml", "overrides.yaml"])
@pytest.mark.parametrize("content", ['{"a', "a: [", ""])
def test_a_damaged_stored_configuration(desk, unfinished, name, content):
    (unfinished / ".hydra" / name).write_text(content)
    desk.assert_refused(desk.run("train", f"resume={unfinished}"), ["unfinished"])


def test_a_run_may_move_before_it_is_resumed(desk, interrupted, whole):
    run = Path(shutil.move(interrupted(9).folder, desk.place / "moved"))
    outcome = desk.run("train", f"resume={run}")
    assert outcome.code == 0, outcome.err
    assert weights(run) == weights(whole)
    assert "moved" in outcome.line("next")


# ---------------------------------------------------------------- real processes, really stopped


def wait_for(run_below: Path, what: str, process: Any, seconds: float = 200) -> Path:
    """The first path below `run_below` that matches `what`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := sorted(run_below.glob(what)):
            return found[0]
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError(f"no {what} after {seconds} s")


LONG = ["training.epochs=40", "training.learning_rate=1e-4", "model.dropout=0.3"]


@pytest.fixture(scope="session")
def long_run(tmp_path_factory, desk_at):
    """The uninterrupted run that the killed ones must equal."""
    desk = desk_at(tmp_path_factory.mktemp("long"))
    outcome = desk.python("train.py", *desk.quick(*LONG), f"output_dir={desk.place / 'runs'}")
    assert outcome.code == 0, outcome.err
    return outcome.folder


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_is_stopped(desk, long_run, sent):
    runs = desk.place / "runs"
    overrides = [*desk.quick(*LONG), f"output_dir={runs}"]
    process = desk.start("train.py", *overrides)
    run = wait_for(runs, "files/*/checkpoints/checkpoint-*/trainer_state.json", process).parents[2]
    process.send_signal(sent)
    _, err = process.communicate(timeout=60)
    assert not (run / "report.json").exists()
    if sent == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert len(err.splitlines()) == 1
        assert f"python train.py resume={run}" in err
    outcome = desk.python("train.py", *overrides, f"resume={run}")
    assert outcome.code == 0, outcome.err
    assert weights(run) == weights(long_run)
    assert desk.report(run)["splits"] == desk.report(long_run)["splits"]
    assert desk.finished_runs() == [run]


@pytest.mark.slow
def test_killed_again_and_again_at_any_moment(desk, long_run):
    """Kills fall where they fall: between checkpoints, inside one, in the closing table."""
    runs = desk.place / "runs"
    overrides = [*desk.quick(*LONG), f"output_dir={runs}"]
    process = desk.start("train.py", *overrides)
    run = wait_for(runs, "files/*", process)
    for number in range(12):
        steps = {path.name for path in run.glob("checkpoints/checkpoint-*")}
        end = time.monotonic() + 60
        while steps >= {path.name for path in run.glob("checkpoints/checkpoint-*")} and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.001)
        time.sleep(0.013 * number)  # from the first file of a checkpoint to well beyond it
        process.kill()
        process.communicate()
        process = desk.start("train.py", f"resume={run}")
    _, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert weights(run) == weights(long_run)
