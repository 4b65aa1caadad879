"""Studies of random settings: the same at every depth, by themselves or to tune each depth before it is judged."""

import re
import shlex

import pytest
import yaml

from textlstm.study.search import SEARCHED, SearchSettings, draw_trials

NAMES = tuple(SEARCHED.values())
TUNED = ["-m", "model.layers=1,2", "seed=0,1", "study.tuning=per_depth", "study.trials=3", "study=t"]


def settings_of(config, names=NAMES):
    return {name: config[name.split(".")[0]][name.split(".")[1]] for name in names}


def trials_of(desk, runs):
    """depth -> settings and seed of each run, in the order of the seeds."""
    found = {}
    for report in sorted(map(desk.report, runs), key=lambda report: report["seed"]):
        found.setdefault(report["model"]["layers"], []).append((settings_of(report["config"]), report["seed"]))
    return found


def test_sensitivity_tries_the_same_settings_at_every_depth(desk):
    outcome = desk.study("sweep=sensitivity", "model.layers=1,2", "study.trials=3")
    assert outcome.code == 0, outcome.err
    found = trials_of(desk, desk.finished_runs())
    assert found[1] == found[2]
    drawn = draw_trials(SearchSettings(), 3)
    assert [settings for settings, _ in found[1]] == drawn
    assert len({seed for _, seed in found[1]}) == 3
    study = desk.json(desk.place / "runs" / "files_layers-trials" / "study.json")
    assert study["recommendation"]["answer"] == "undecided"
    assert [level["trials"] for level in study["sensitivity"]["by_depth"]] == [3, 3]
    again = desk.study("sweep=sensitivity", "model.layers=1,2", "study.trials=4")
    assert "reused 6, to do 2" in again.out, "more trials begin with those that were made"


def test_what_is_given_is_not_drawn(desk):
    outcome = desk.study("-m", "model.layers=1", "study.trials=2", "training.learning_rate=0.01", "seed=7")
    assert outcome.code == 0, outcome.err
    reports = [desk.report(run) for run in desk.finished_runs()]
    assert {report["config"]["training"]["learning_rate"] for report in reports} == {0.01}
    assert {report["seed"] for report in reports} == {7}
    assert len({report["config"]["training"]["weight_decay"] for report in reports}) == 2


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    return tmp_path_factory.mktemp("once")


@pytest.fixture
def tuned(desk):
    outcome = desk.study(*TUNED)
    assert outcome.code == 0, outcome.err
    return desk.place / "runs" / "t", outcome


def test_each_depth_is_tuned_by_the_same_trials_and_judged_with_fresh_seeds(desk, tuned):
    folder, outcome = tuned
    trials = [run for run in desk.finished_runs() if run.parent.name == "tuning"]
    judged = [run for run in desk.finished_runs() if run.parent == folder]
    assert (len(trials), len(judged)) == (6, 4)
    found = trials_of(desk, trials)
    assert found[1] == found[2]
    assert {seed for _, seed in found[1]}.isdisjoint({0, 1})
    for depth in (1, 2):
        at_depth = [desk.report(run) for run in trials if desk.report(run)["model"]["layers"] == depth]
        best = max(at_depth, key=lambda r: (r["splits"]["validation"]["accuracy"], -r["splits"]["validation"]["loss"]))
        expected = settings_of(best["config"])
        for report in map(desk.report, judged):
            if report["model"]["layers"] == depth:
                assert settings_of(report["config"]) == expected
        words = outcome.line(f"chosen +depth {depth}:")
        assert all(f"{name}={value:g}" in words for name, value in expected.items())
    assert {desk.report(run)["seed"] for run in judged} == {0, 1}
    study = desk.json(folder / "study.json")
    assert study["tuning"]["mode"] == "per_depth"
    assert study["tuning"]["trials"] == 3
    seconds = sum(desk.report(run)["training"]["seconds"] for run in trials)
    assert study["tuning"]["seconds"] == pytest.approx(seconds)
    assert study["factors"]["seed"] == [0, 1], "trials are no part of what is judged"
    assert [level["seeds"] for level in study["depths"]] == [[0, 1], [0, 1]]
    assert not list(folder.rglob("*.pickle"))


def test_a_tuned_study_is_not_done_twice_and_is_told_again(desk, tuned):
    folder, _ = tuned
    again = desk.study(*TUNED)
    assert again.code == 0, again.err
    assert "reused 6, to do 0" in again.out
    assert "reused 4, to do 0" in again.out
    before = desk.json(folder / "study.json")
    outcome = desk.run("evaluate", f"study={folder}")
    assert outcome.code == 0, outcome.err
    after = desk.json(folder / "study.json")
    assert {k: v for k, v in before.items() if k != "created"} == {k: v for k, v in after.items() if k != "created"}


def test_what_the_studies_share_is_prepared_once(desk, monkeypatch):
    from textlstm.data.tokenizers.words import WordsTokenizer

    calls = []
    whole = WordsTokenizer.train
    monkeypatch.setattr(WordsTokenizer, "train", lambda *given: calls.append(1) or whole(*given))
    assert desk.study(*TUNED).code == 0
    assert len(calls) == 1


def test_explain_trains_nothing(desk):
    outcome = desk.study(*TUNED, "explain=true")
    assert outcome.code == 0, outcome.err
    assert len(re.findall(r"^to do +runs/t/tuning/layers-[12]_trial-[123]_\w{6}$", outcome.out, re.MULTILINE)) == 6
    assert "then      4 runs in runs/t" in outcome.out
    assert not desk.finished_runs()


REFUSED = {
    "-m seed=0,1 study.search.learning_rate=[0.1,0.2]": ["study.search.learning_rate has no effect", "study.trials"],
    "-m seed=0,1 study.trials=2 study.search.learning_rate=[0.2,0.1]": [r"\[lowest,highest\]"],
    "-m seed=0,1 study.trials=1": ["study.trials=1", "greater than or equal to 2"],
    "-m seed=0,1 study.trials=2 training.learning_rate=1e-3 training.weight_decay=0.1 model.regularization_scale=1": [
        "all of these are given"
    ],
    "-m seed=0,1 study.tuning=per_depth": ["needs several depths", "sweep=depth"],
    "-m model.layers=1,2 model.hidden_size=4,8 study.tuning=per_depth": ["model.hidden_size is swept too"],
    "-m model.layers=1,2 seed=0,10001 study.tuning=per_depth": ["seed=10001 is one of a trial", "below 10000"],
    "-m model.layers=1,2 seed=a,b study.tuning=per_depth": ["seed='a'"],
    "-m model.layers=1,2 study.tuning=per_dept": ["study.tuning='per_dept'", "'none' or 'per_depth'"],
    "study.trials=3": ["study.trials=3 has no effect on a single run"],
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_tried_is_refused(desk, arguments):
    desk.assert_refused(desk.run("train", *desk.quick(), *shlex.split(arguments)), REFUSED[arguments])
    assert not (desk.place / "runs").exists()


def test_the_grid_crosses_depth_and_width(desk):
    outcome = desk.study("sweep=grid", "model.layers=1,2", "model.hidden_size=4,8", "seed=0")
    assert outcome.code == 0, outcome.err
    study = desk.json(desk.place / "runs" / "files_layers-hidden_size-seed" / "study.json")
    assert len(study["grid"]["cells"]) == 4
    stored = [yaml.safe_load((run / ".hydra" / "config.yaml").read_text()) for run in desk.finished_runs()]
    assert {(c["model"]["layers"], c["model"]["hidden_size"]) for c in stored} == {(1, 4), (1, 8), (2, 4), (2, 8)}
