"""Studies: `-m` and `sweep=`. One run for each combination, a failure ends its own run alone, and nothing is done twice."""

import io
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock
from rich.console import Console

import textlstm.data.load
import textlstm.diagnostics.linear_baseline
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.door.pool import count_workers
from textlstm.door.resume import compose_plain
from textlstm.door.study_lines import Pace, StudyLines
from textlstm.door.study_plan import _composed
from textlstm.door.sweep import as_word, plan_runs
from textlstm.embeddings.corpus import CorpusEmbedding
from textlstm.errors import UserError
from textlstm.training.history import ProgressLines
from textlstm.training.settings import TrainingSettings

CONF = Path(__file__).resolve().parents[2] / "conf"


def found(desk: Any) -> dict[tuple[int, int], Path]:
    """(layers, seed) -> folder of each finished run."""
    runs = {}
    for folder in desk.finished_runs():
        report = desk.report(folder)
        runs[report["model"]["layers"], report["seed"]] = folder
    return runs


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def times(place: Path) -> dict[Path, int]:
    """When each file of the finished runs was last written."""
    runs = [path.parent for path in place.rglob("report.json")]
    return {path: path.stat().st_mtime_ns for run in runs for path in [run, *run.rglob("*")]}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    """Where the study of `two` is, once it was made."""
    return {"place": tmp_path_factory.mktemp("two")}


@pytest.fixture
def two(desk, made) -> dict[Path, int]:
    """The finished study `-m seed=0,1` in `runs/files_seed`, and when its files were written."""
    if not (made["place"] / "runs").exists():
        assert desk.study("-m", "seed=0,1").code == 0
        shutil.copytree(desk.place / "runs", made["place"] / "runs")
    else:
        desk.quick()
        shutil.copytree(made["place"] / "runs", desk.place / "runs")
    return times(desk.place)


def refuse_seed_1(monkeypatch: pytest.MonkeyPatch, error: type[BaseException], step: int = 1) -> None:
    """Raise in the run of seed 1, after the update `step`."""
    whole = ProgressLines.on_step_end

    def stop(self: ProgressLines, args: Any, state: Any, *rest: Any, **named: Any) -> None:
        whole(self, args, state, *rest, **named)
        if args.seed == 1 and state.global_step == step:
            raise error("a bug")

    monkeypatch.setattr(ProgressLines, "on_step_end", stop)


# ---------------------------------------------------------------- which runs there are, and where


def test_every_combination_becomes_a_run(desk):
    outcome = desk.study("-m", "model.layers=1,2", "seed=0,1")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    runs = found(desk)
    assert runs.keys() == {(layers, seed) for layers in (1, 2) for seed in (0, 1)}
    assert len(desk.finished_runs()) == 4
    assert {folder.parent for folder in runs.values()} == {desk.place / "runs" / "files_layers-seed"}
    for (layers, seed), folder in runs.items():
        assert re.fullmatch(rf"layers-{layers}_seed-{seed}_[0-9a-f]{{6}}", folder.name)
        assert {"model", "predictions.parquet", "history.jsonl", "environment.json", ".hydra"} <= {
            path.name for path in folder.iterdir()
        }
    study = desk.place / "runs" / "files_layers-seed"
    assert {path for path in study.iterdir() if path.is_dir()} == set(runs.values()), "something was left"
    assert "reused 0, to do 4" in outcome.out


def test_the_flag_may_stand_anywhere(desk):
    outcome = desk.study("seed=0,1", "--multirun")
    assert outcome.code == 0, outcome.err
    assert len(desk.finished_runs()) == 2


def test_depth_is_a_study_by_name(desk):
    outcome = desk.study("sweep=depth", "study=how-deep", "output_dir=elsewhere", "explain=true")
    assert outcome.code == 0, outcome.err
    folders = re.findall(r"^to do +elsewhere/how-deep/layers-(\d)_seed-(\d)_[0-9a-f]{6}$", outcome.out, re.MULTILINE)
    assert sorted(folders) == [(str(layers), str(seed)) for layers in range(1, 5) for seed in range(5)]
    assert "once for 20 runs" in outcome.out
    assert {path.name for path in desk.place.iterdir()} == {"rows.csv"}, "explain=true wrote something"


def test_an_override_of_what_is_swept_replaces_it(desk):
    outcome = desk.study("sweep=depth", "model.layers=2", "seed=range(2)")
    assert outcome.code == 0, outcome.err
    assert found(desk).keys() == {(2, 0), (2, 1)}
    assert all(folder.name.startswith("layers-2_seed-") for folder in found(desk).values())


@pytest.mark.parametrize(
    ("overrides", "labels"),
    [
        (["model.layers=1,2", "seed=3"], ["layers-1", "layers-2"]),
        (["seed=choice(4,5)"], ["seed-4", "seed-5"]),
        (["seed=range(3)"], ["seed-0", "seed-1", "seed-2"]),
        (["embedding=glob(*o*,exclude=[glove,word2vec,transformer])"], ["embedding-corpus", "embedding-random"]),
        (["model.hidden_size=[8,4],[4,8]"], ["hidden_size-8-4", "hidden_size-4-8"]),
        (
            ["dataset.name=a,b", "embedding.name=c,d"],
            [f"dataset.name-{x}_embedding.name-{y}" for x in "ab" for y in "cd"],
        ),
        (["dataset.train='my rows, new.csv',/a/b.csv"], ["train-my-rows-new.csv", "train-a-b.csv"]),
        (["seed=-1,1"], ["seed--1", "seed-1"]),
        (["training.max_steps=null,5"], ["max_steps-null", "max_steps-5"]),
        (
            ["training.learning_rate=1e30,1e-30,1.5e+5"],
            [f"learning_rate-{rate}" for rate in ("1e30", "1e-30", "150000.0")],
        ),
        (["seed=0"], ["run"]),
    ],
)
def test_the_plan(overrides, labels):
    runs = plan_runs(CONF, overrides)
    assert [run.label for run in runs] == labels
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", run.label) for run in runs)
    assert len({tuple(run.overrides) for run in runs}) == len(labels)


@pytest.mark.parametrize("value", ["données.csv", "数据", "a b", "${x}", "..", "--", "x" * 300, "[]", "a/../b"])
def test_a_folder_needs_no_quotes(value):
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,40}", as_word(value))


def test_two_spellings_of_a_value_are_one_run(desk):
    outcome = desk.study("-m", "model.dropout=0,0.0,0.5", "explain=true")
    assert len(re.findall("^to do ", outcome.out, re.MULTILINE)) == 2


def test_the_share_of_training_texts_is_a_factor(desk):
    outcome = desk.study("-m", "dataset.train_share=0.5,1", "seed=0,1", "study=shares")
    assert outcome.code == 0, outcome.err
    study = desk.json(desk.place / "runs" / "shares" / "study.json")
    assert study["factors"] == {"dataset.train_share": [0.5, 1.0], "seed": [0, 1]}
    assert "no answer" not in outcome.out


def test_how_a_run_is_carried_out_makes_no_other_run(desk):
    plain = desk.study("-m", "seed=0,1", "explain=true", "study=x").out
    assert (
        desk.study("-m", "seed=0,1", "explain=true", "study=x", "training.threads=2", "training.device=cpu").out
        == plain
    )
    assert desk.study("-m", "seed=0,1", "explain=true", "study=x", "training.learning_rate=0.1").out != plain
    swept = desk.study("-m", "training.threads=1,2", "explain=true").out
    assert len(set(re.findall(r"threads-\d_\w+", swept))) == 2


def test_several_data_sets_in_one_study(desk, monkeypatch):
    desk.csv("other.csv", desk.rows(seed=1))
    made = count_preparations(monkeypatch)
    outcome = desk.study("-m", "dataset.train=rows.csv,other.csv", "baseline=linear")
    assert outcome.code == 0, outcome.err
    assert made == {"data": 2, "words": 2, "baseline": 2}
    reports = [desk.report(folder) for folder in desk.finished_runs()]
    assert len({report["data"]["fingerprint"] for report in reports}) == 2
    assert len(reports) == 2


# ---------------------------------------------------------------- what the runs share, and what a run is alone


def count_preparations(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    made = {"data": 0, "words": 0, "baseline": 0}

    def counted(name: str, function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            made[name] += 1
            return function(*arguments, **named)

        return call

    monkeypatch.setattr("textlstm.door.study_plan.load_data", counted("data", textlstm.data.load.load_data))
    monkeypatch.setattr(WordsTokenizer, "train", counted("words", WordsTokenizer.train))
    monkeypatch.setattr(
        "textlstm.door.prepared.linear_baseline",
        counted("baseline", textlstm.diagnostics.linear_baseline.linear_baseline),
    )
    return made


def test_what_the_runs_share_is_made_once(desk, monkeypatch):
    made = count_preparations(monkeypatch)
    assert desk.study("-m", "embedding=random,corpus", "baseline=linear").code == 0
    assert made == {"data": 1, "words": 2, "baseline": 1}
    assert len({str(desk.report(folder)["baseline"]) for folder in desk.finished_runs()}) == 1
    assert not list(desk.place.rglob("*.pickle"))


@pytest.mark.parametrize("embedding", ["random", "corpus"])
def test_a_run_of_a_study_is_the_same_run_alone(desk, embedding):
    settings = [f"embedding={embedding}", "baseline=linear"]
    assert desk.study("-m", "model.layers=2", "seed=4,3", *settings).code == 0
    swept = found(desk)[2, 3]
    alone = desk.train("dataset.train=rows.csv", "training.epochs=1", "model.layers=2", "seed=3", *settings).folder
    assert weights(swept) == weights(alone)
    one, other = desk.report(swept), desk.report(alone)
    assert one["config"] == other["config"]
    for part in ("splits", "data", "model", "diagnostics", "generalization_gap", "labels"):
        assert one[part] == other[part]
    assert one["baseline"]["linear"]["test"] == other["baseline"]["linear"]["test"]


def test_runs_of_a_study_can_be_evaluated_unquoted(desk):
    assert desk.study("-m", "model.hidden_size=[4,8],[8,4]").code == 0
    for folder in desk.finished_runs():
        assert "Reproduced" in desk.evaluate(folder.relative_to(desk.place)).out


def test_a_run_of_a_study_can_be_gone_on_with_alone(desk, monkeypatch):
    with monkeypatch.context() as patch:
        refuse_seed_1(patch, KeyboardInterrupt, step=8)
        assert desk.study("-m", "seed=1,0", "training.epochs=2").code == 130
    (run,) = [path.parent for path in desk.place.rglob("checkpoints")]
    assert desk.run("train", f"resume={run.relative_to(desk.place)}").code == 0
    outcome = desk.study("-m", "seed=1,0", "training.epochs=2")
    assert "reused 1, to do 1" in outcome.out


# ---------------------------------------------------------------- the same command again


def test_the_same_command_again_touches_nothing(desk, two):
    outcome = desk.study("-m", "seed=0,1")
    assert outcome.code == 0, outcome.err
    assert "reused 2, to do 0" in outcome.out
    assert not re.search("^epoch ", outcome.out, re.MULTILINE)
    assert times(desk.place) == two
    assert "study.html" in outcome.out, "the study's report is made again"


def test_a_longer_command_runs_what_is_missing(desk, two):
    outcome = desk.study("sweep=depth", "model.layers=2,1", "seed=2,0", "study=files_seed")
    assert outcome.code == 0, outcome.err
    assert "reused 1, to do 3" in outcome.out
    assert two.items() <= times(desk.place).items()
    assert found(desk).keys() == {(2, 0), (2, 1), (2, 2), (1, 0), (1, 2)}
    assert len(desk.finished_runs()) == 5


def test_other_settings_are_other_runs(desk, two):
    outcome = desk.study("-m", "seed=0", "model.layers=1", "study=files_seed")
    assert "reused 0, to do 1" in outcome.out
    assert re.search(r"note +2 more finished runs .* other settings or data", outcome.out)
    assert two.items() <= times(desk.place).items()
    assert len(desk.finished_runs()) == 3


def test_changed_data_are_other_runs(desk, two):
    desk.csv("rows.csv", desk.rows()[:-3])
    outcome = desk.study("-m", "seed=1", "study=files_seed")
    assert outcome.code == 0, outcome.err
    assert "reused 0, to do 1" in outcome.out
    assert two.items() <= times(desk.place).items()
    assert len({desk.report(folder)["data"]["fingerprint"] for folder in desk.finished_runs()}) == 2


def test_a_short_hash_that_two_runs_share_does_not_mix_them(desk, two):
    """Six digits collide once in 16 million: then the stored settings tell the runs apart."""
    (other,) = [folder for (_, seed), folder in found(desk).items() if seed == 1]
    planned = desk.study("-m", "model.layers=1,2", "explain=true", "study=files_seed").out
    digits = re.findall(r"layers-1_(\w{6})", planned)[0]
    other.rename(other.with_name(f"seed-1_{digits}"))
    assert re.search(
        rf"to do +runs/files_seed/layers-1_{digits}",
        desk.study("-m", "model.layers=1,2", "explain=true", "study=files_seed").out,
    )


def test_explain_tells_what_is_finished(desk, two):
    outcome = desk.study("-m", "seed=0,1,2", "model.layers=2,0", "study=files_seed", "explain=true")
    assert outcome.code == 0, outcome.err
    assert "reused 2" in outcome.out
    assert len(re.findall("^wrong ", outcome.out, re.MULTILINE)) == 3
    outcome = desk.study("-m", "seed=0,1,2", "explain=true")
    assert len(re.findall("^finished ", outcome.out, re.MULTILINE)) == 2
    assert len(re.findall("^to do ", outcome.out, re.MULTILINE)) == 1
    assert times(desk.place) == two
    assert len(desk.finished_runs()) == 2


def test_two_processes_do_not_share_a_study(desk, two):
    with FileLock(desk.place / "runs" / "files_seed" / ".lock"):
        outcome = desk.study("-m", "seed=0,1,2")
    desk.assert_refused(outcome, ["runs/files_seed", "another process", "study=NAME"], *desk.finished_runs())
    assert times(desk.place) == two


def test_other_code_is_told(desk, two):
    environment = found(desk)[2, 0] / "environment.json"
    environment.write_text(
        re.sub(r'"commit": (".*"|null)', '"commit": "0123456789abcdef-dirty"', environment.read_text())
    )
    assert re.search(
        r"note +1 of the finished runs .* other code.*0123456789ab-dirty.*present", desk.study("-m", "seed=0,1").out
    )


# ---------------------------------------------------------------- interrupted


@pytest.mark.parametrize("step", [2, 9], ids=["before a checkpoint", "after one"])
def test_ctrl_c_names_the_command_that_finishes_the_study(desk, monkeypatch, step):
    command = ["-m", "seed=0,1", "training.epochs=2", "model.dropout=0.3"]
    with monkeypatch.context() as patch:
        refuse_seed_1(patch, KeyboardInterrupt, step)
        outcome = desk.study(*command, "study=x")
    assert outcome.code == 130
    (line,) = outcome.err.splitlines()
    study = desk.place / "runs" / "x"
    (first,) = [path.parent for path in study.rglob("report.json")]
    assert not list(desk.place.rglob("*.pickle"))
    before = times(study)
    again = desk.run("train", *shlex.split(line[line.index("train.py") :])[1:])
    assert again.code == 0, again.err
    assert "reused 1, to do 1" in again.out
    assert ("1 from its newest checkpoint" in again.out) == (step == 9)
    assert before.items() <= times(study).items()
    (second,) = set(study.glob("seed-*")) - {first}
    alone = desk.train("training.epochs=2", "model.dropout=0.3", "seed=1").folder
    assert weights(second) == weights(alone), "it is not the uninterrupted run"
    assert desk.report(second)["splits"] == desk.report(alone)["splits"]


def test_a_run_that_other_code_began_starts_again(desk, monkeypatch):
    with monkeypatch.context() as patch:
        refuse_seed_1(patch, KeyboardInterrupt, step=9)
        assert desk.study("-m", "seed=1", "training.epochs=2").code == 130
    (environment,) = desk.place.rglob("environment.json")
    environment.write_text(re.sub(r'"commit": (".*"|null)', '"commit": "0123456789abcdef"', environment.read_text()))
    outcome = desk.study("-m", "seed=1", "training.epochs=2")
    assert outcome.code == 0, outcome.err
    assert re.search("note .*other code.*started again: 1", outcome.out)
    assert "0123456789abcdef" not in environment.read_text()


def test_what_a_killed_study_left_is_not_read(desk):
    left = desk.write("runs/files_seed/.prepared/0.pickle", b"half of a pick")
    half = desk.write("runs/files_seed/seed-0_000000/.hydra/config.yaml", "{")
    outcome = desk.study("-m", "seed=0,1")
    assert outcome.code == 0, outcome.err
    assert not left.exists()
    assert half.exists(), "another run's folder was touched"


# ---------------------------------------------------------------- failures

FAILURES = {
    "model.layers=1,0,2": ["model.layers=0", "at least 1"],
    "dataset.text_column=text,txt,text": ["'txt'", "text, label"],
    "dataset.train=rows.csv,nix.csv": ["nix.csv", "not a file"],
    "training.learning_rate=1e30,1e-3 training.max_grad_norm=0": ["diverged"],
    "training.precision=fp16,fp32": ["fp16", "GPU"],
    "embedding=random,corpus embedding.window=3": ["embedding.window=3", "embedding=random"],
}


@pytest.mark.parametrize("overrides", FAILURES)
def test_a_failing_run_ends_alone_and_is_told(desk, overrides):
    outcome = desk.study("-m", *overrides.split())
    values = set(overrides.split()[0].split("=")[1].split(","))
    assert outcome.code == 1
    assert len(desk.finished_runs()) == len(values) - 1
    for word in FAILURES[overrides]:
        assert len(re.findall(re.escape(word), outcome.err)) >= 1, outcome.err
    assert re.search(r"^Failed: \S+$", outcome.err, re.MULTILINE), "at once"
    assert re.search(r"^failed    \S+: ", outcome.err, re.MULTILINE), "at the end"
    assert "1 run of the study failed; the others are done" in outcome.err
    assert re.search(r"^report +runs/\S+/study\.html$|^study .* runs are finished$", outcome.out, re.MULTILINE)
    assert "Traceback" not in outcome.err
    assert "Error executing job" not in outcome.err
    assert "+" not in outcome.err.replace("1e+30", "")


def test_a_preparation_that_fails_ends_its_runs_alone(desk, monkeypatch):
    def fail(self: Any, *_: Any) -> Any:
        raise UserError("No vectors.\nNone.")

    monkeypatch.setattr(CorpusEmbedding, "build", fail)
    outcome = desk.study("-m", "embedding=random,corpus", "seed=0,1")
    assert outcome.code == 1
    assert outcome.err.count("Failed: embedding-corpus_seed-") == 2
    assert len(desk.finished_runs()) == 2
    outcome = desk.study("-m", "embedding=corpus", "seed=0,1", "study=x")
    assert outcome.code == 1
    assert "none is done" in outcome.err
    assert not (desk.place / "runs" / "x").exists()


@pytest.mark.parametrize(
    "overrides",
    [
        ["sweep=depth"],
        [
            "model.layers=1,2",
            "training=smoke,default",
            "regularization=awd",
            "model.dropout=0.3",
            "embedding.scale=1e-1",
        ],
        ["embedding=random,corpus", "embedding.embedding_size=8", "dataset=files", "dataset.train='my rows, 1.csv'"],
        [
            "model.hidden_size=[4,8],[8,4]",
            "training.epochs=null",
            "training.max_steps=5",
            "model.initialization.chrono=9",
        ],
    ],
)
def test_runs_are_composed_as_hydra_composes_them(overrides):
    plan = plan_runs(CONF, overrides)[-4:]
    for run, planned in zip(list(_composed(CONF, plan)), plan, strict=True):
        assert run.error is None
        assert run.config == compose_plain(CONF, "config", run.overrides)
        assert run.overrides == [*planned.overrides, "training.threads=1"]


def test_all_that_failed_are_counted_and_named(desk):
    outcome = desk.study("-m", "model.layers=0,-1,-2,-3,1")
    assert outcome.code == 1
    assert len(desk.finished_runs()) == 1
    for value in (0, -1, -2, -3):
        assert f"Failed: layers-{value}\nmodel.layers={value} is not allowed" in outcome.err
        assert f"failed    layers-{value}: model.layers={value} is not allowed" in outcome.err
    assert "4 runs of the study failed" in outcome.err


@pytest.mark.parametrize("override", ["model.layer=1,2", "+model.layer=1,2", "training=smok,default", "nix=1,2"])
def test_a_misspelt_setting_stops_the_study_at_once(desk, override):
    outcome = desk.study("-m", override)
    desk.assert_refused(outcome, [override.lstrip("+").split("=")[0]])
    assert {path.name for path in desk.place.iterdir()} == {"rows.csv"}


@pytest.mark.parametrize("overrides", ["model.layers=0,-1", "seed=0,1 training.batch_size=0", "dataset.train=a,b"])
def test_where_every_run_is_wrong_nothing_is_written(desk, overrides):
    outcome = desk.study("-m", *overrides.split())
    assert outcome.code == 1
    assert re.search(r"model\.layers=-1|training\.batch_size=0|dataset\.train=b", outcome.err)
    assert {path.name for path in desk.place.iterdir()} == {"rows.csv"}


def test_what_is_wrong_with_all_is_said_once(desk):
    outcome = desk.study("-m", "seed=0,1,2", "training.batch_size=0", "model.dropout=2")
    desk.assert_refused(outcome, ["training.batch_size=0", "model.dropout=2"])


def test_an_error_of_the_program_does_not_stop_the_other_runs(desk, monkeypatch):
    with monkeypatch.context() as patch:
        refuse_seed_1(patch, RuntimeError)
        outcome = desk.study("-m", "seed=0,1,2")
    assert outcome.code == 1
    assert "RuntimeError: a bug" in outcome.err
    assert "Traceback" not in outcome.err
    assert {seed for _, seed in found(desk)} == {0, 2}
    (note,) = desk.place.rglob("error.json")
    assert desk.json(note)["run"] == note.parent.name
    assert desk.json(note)["error"].startswith("RuntimeError: a bug")
    before = times(desk.place)
    again = desk.study("-m", "seed=0,1,2")
    assert again.code == 0, again.err
    assert "reused 2, to do 1" in again.out
    assert before.items() <= times(desk.place).items()
    assert not note.exists()
    assert {seed for _, seed in found(desk)} == {0, 1, 2}


def test_debug_shows_where_a_run_failed(desk, monkeypatch, capfd):
    refuse_seed_1(monkeypatch, RuntimeError)
    with pytest.raises(ValueError, match="1 run of the study failed"):
        desk.study("-m", "seed=0,1", "debug=true")
    assert "Traceback" in capfd.readouterr().err


REFUSED = {
    "-m seed=0,1 training.patience=2": ["training.patience", "Leave it out"],
    "-m seed=0 training.patience=1,null": ["training.patience"],
    "-m seed=0,1 hydra/launcher=joblib": ["hydra/launcher=joblib", "study.workers"],
    "-m seed=0,1 hydra/sweeper=optuna": ["hydra/sweeper=optuna", "study.workers"],
    "sweep=depth hydra.launcher.n_jobs=2": ["hydra.launcher.n_jobs=2", "study.workers"],
    "-m seed=0,1 hydra.sweep.dir=x": ["hydra.sweep.dir=x", "output_dir"],
    "-m seed=0,1 study=a/b": ["study", "a/b", "letters"],
    "-m seed=0,1 study=..": ["study"],
    "-m seed=0,1 study='a b'": ["study", "a b"],
    "-m seed=0,1 study=": ["study", "empty"],
    "-m seed=0,1 study=a,b": ["study", "a,b"],
    "-m seed=0,1 study.workers=-1": ["study.workers=-1"],
    "-m seed=0,1 study.workers=two": ["study.workers='two'"],
    "-m seed=0,1 study.workers=1,2": ["study.workers=1,2", "several"],
    "-m seed=0,1 study.worker=1": ["study.worker'", "study.workers"],
    "study=x": ["study", "x", "sweep=depth"],
    "study.workers=2": ["study.workers=2", "sweep=depth"],
    "-m output_dir=a,b": ["output_dir=a,b"],
    "-m explain=true,false": ["explain"],
    "-m model.dropout=interval(0,1)": ["interval", "range"],
    "-m embedding=glob(x*)": ["embedding"],
    "sweep=dpth": ["sweep=dpth", "sweep=depth"],
    "sweep=depth,depth": ["sweep=depth,depth", "one after the other"],
    "sweep.model.layers=3": ["sweep.model.layers"],
    "sweep=depth resume=runs/x": ["resume", "the same|again"],
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_refused_before_anything_starts(desk, arguments):
    desk.assert_refused(desk.run("train", *desk.quick(), *shlex.split(arguments)), REFUSED[arguments])
    assert {path.name for path in desk.place.iterdir()} == {"rows.csv"}


@pytest.mark.parametrize("name", ["2024", "true", "1e3", "a.b-c_d"])
def test_a_name_is_a_text(desk, name):
    assert f"study     runs/{name}\n" in desk.study("-m", "seed=0,1", f"study={name}", "explain=true").out


# ---------------------------------------------------------------- what it says while it runs


def test_the_time_left_is_that_of_runs_of_the_same_depth():
    pace = Pace([(1, 10.0), (1, 20.0), (3, 100.0)])
    lines = StudyLines(Console(file=io.StringIO()), [1, 3, 2], done=3, failed=1, workers=2, pace=pace)
    assert pace.expected(1) == 15
    assert pace.expected(3) == 100
    assert pace.expected(2) == pytest.approx(130 / 3)
    assert lines.seconds_left() == pytest.approx(100), "two workers, but the longest run alone takes 100"
    lines.end(1, "x", 200.0)
    assert pace.expected(3) == 150
    assert lines.seconds_left() == pytest.approx(82.5), "of depth 2 nothing is known but the mean of all"
    lines.end(0, None, 0.0)
    assert lines.state() == "4 of 7 done, 1 running, 2 failed, 1:22 left"


def test_nothing_is_said_of_the_time_while_nothing_is_known():
    lines = StudyLines(Console(file=io.StringIO()), [1, 2], done=0, failed=0, workers=1, pace=Pace())
    assert lines.state() == "0 of 2 done, 1 running, 0 failed"


@pytest.mark.parametrize("terminal", [True, False])
def test_a_moving_line_in_a_terminal_alone(terminal):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120)
    with StudyLines(console, [1, 2], done=0, failed=0, workers=2, pace=Pace()) as lines:
        lines.begin(0)
        lines.end(0, "layers-1 fine", 5.0)
    assert ("\x1b[" in file.getvalue()) == terminal
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", file.getvalue())
    assert re.search(r"done +layers-1 fine +\(1 of 2 done, 1 running, 0 failed, 0:05 left\)", plain)


def test_workers_are_the_cores_that_threads_leave(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    cpu = TrainingSettings(device="cpu")
    assert count_workers(None, [cpu]) == 8
    assert count_workers(3, [cpu]) == 3
    assert count_workers(None, [cpu, TrainingSettings(device="cpu", threads=3)]) == 2
    assert count_workers(None, [TrainingSettings(device="cpu", threads=16)]) == 1
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert count_workers(None, [TrainingSettings()]) == 1


def test_the_file_of_a_sweep_is_made_of_overrides():
    for path in (CONF / "sweep").glob("*.yaml"):
        assert all(isinstance(text, str) or text is not None for text in yaml.safe_load(path.read_text()).values())
        assert plan_runs(CONF, [f"sweep={path.stem}"])
