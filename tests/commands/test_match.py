"""`model.match` in runs and studies: the width found is what is trained, stored, gone on with and told."""

import re

import pytest
import yaml

from textlstm.diagnostics import matching
from textlstm.training.history import ProgressLines

WIDE = "model.hidden_size=60"
"""Wide enough for two layers to come within 2%."""


def stop_at(monkeypatch, step, seed=0):
    """Ctrl-C after an update of the runs with that seed."""
    whole = ProgressLines.on_step_end

    def on_step_end(self, args, state, *rest, **named):
        whole(self, args, state, *rest, **named)
        if args.seed == seed and state.global_step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressLines, "on_step_end", on_step_end)


def clock(monkeypatch, scale):
    """A latency of (layers + width / 20) `scale` ms instead of a measured one; gives the widths that were asked."""
    asked = []

    def latency(model, texts):
        asked.append(model.config.hidden_size)
        return scale * (model.config.layers + model.config.hidden_size / 20)

    monkeypatch.setattr(matching, "latency", latency)
    return asked


def test_a_run_has_the_width_found_in_all_that_it_leaves(desk):
    outcome = desk.train(WIDE, "model.match=parameters", "training.max_steps=2")
    found = re.search(r"matched +2 layers of (\d+) units: .* parameters than 1 layer of 60 units", outcome.out)
    assert found
    report = desk.report(outcome.folder)
    alone = desk.report(desk.train("model.layers=1", WIDE, "training.max_steps=1").folder)
    sizes = [made["model"]["parameters_by_part"]["stack"] for made in (report, alone)]
    assert sizes[0] / sizes[1] == pytest.approx(1, abs=0.02)
    stored = yaml.safe_load((outcome.folder / ".hydra" / "config.yaml").read_text())["model"]
    for model in (report["config"]["model"], stored):
        assert model["hidden_size"] == int(found[1])
        assert model["match"] == "parameters"
        assert model["match_to"] == {"layers": 1, "hidden_size": 60, "part": "stack"}
    assert report["model"]["hidden_size"] == int(found[1])
    assert "Reproduced" in desk.evaluate(outcome.folder).out
    by_hand = desk.report(desk.train(f"model.hidden_size={found[1]}", "training.max_steps=2").folder)
    assert by_hand["splits"] == report["splits"], "the run is the same as one with that width given by hand"


def test_explain_shows_the_width_found(desk):
    outcome = desk.train(WIDE, "model.match=flops", "explain=true")
    (width,) = re.findall(r"matched +2 layers of (\d+) units", outcome.out)
    assert re.search(rf"hidden_size +│ +{width} │", outcome.out)


@pytest.mark.parametrize("step", [2, 9], ids=["before a checkpoint", "after one"])
def test_an_interrupted_run_goes_on_with_the_width_that_it_was_begun_with(desk, monkeypatch, step):
    clock(monkeypatch, 1)
    command = ["model.hidden_size=30", "model.match=latency"]
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        outcome = desk.run("train", *desk.quick(*command))
    assert outcome.code == 130
    assert re.search(r"matched +2 layers of 10 units", outcome.out)
    stored = outcome.folder / ".hydra" / "config.yaml"
    assert yaml.safe_load(stored.read_text())["model"]["hidden_size"] == 10
    asked = clock(monkeypatch, 1)
    outcome = desk.run("train", f"resume={outcome.folder}")
    assert outcome.code == 0, outcome.err
    assert bool(asked) == (step == 2), "a width is looked for again where nothing was trained with it"
    assert desk.report(outcome.folder)["model"]["hidden_size"] == 10


def test_a_study_at_equal_parameters(desk):
    outcome = desk.study("-m", "model.layers=1,2,3", "seed=0,1", WIDE, "model.match=parameters")
    assert outcome.code == 0, outcome.err
    reports = [desk.report(run) for run in desk.finished_runs()]
    assert len(reports) == 6
    sizes = [report["model"]["parameters_by_part"]["stack"] for report in reports]
    assert max(sizes) / min(sizes) < 1.04
    assert len({str(report["model"]["hidden_size"]) for report in reports}) == 3
    assert outcome.out.count("matched ") == 3, "once for all seeds of a depth"
    study = desk.json(desk.place / "runs" / "files_layers-seed" / "study.json")
    assert [level["layers"] for level in study["depths"]] == [1, 2, 3]
    again = desk.study("-m", "model.layers=1,2,3", "seed=0,1", WIDE, "model.match=parameters")
    assert "reused 6, to do 0" in again.out
    assert "matched" not in again.out
    renamed = desk.study("-m", "seed=0,1", "model.layers=3", WIDE, "model.match=parameters", "study=files_layers-seed")
    assert "reused 2, to do 0" in renamed.out, "runs are found under other names"


def test_all_seeds_of_a_depth_have_the_width_that_was_measured_first(desk, monkeypatch):
    command = ["-m", "model.layers=1,3", "seed=0,1", "model.hidden_size=50", "model.match=latency", "study=x"]
    clock(monkeypatch, 1)
    with monkeypatch.context() as patch:
        stop_at(patch, 2, seed=1)
        assert desk.study(*command).code == 130
    asked = clock(monkeypatch, 1)
    monkeypatch.setitem(matching.TOLERANCE, "latency", -1)  # whatever is measured from now on is refused
    assert desk.study(*command).code == 0
    assert not asked
    widths = {(r["model"]["layers"], r["model"]["hidden_size"]) for r in map(desk.report, desk.finished_runs())}
    assert widths == {(1, 50), (3, 10)}


def test_a_depth_that_cannot_be_matched_fails_alone(desk):
    outcome = desk.study("-m", "model.layers=1,4", "model.hidden_size=2", "model.match=parameters")
    assert outcome.code == 1
    assert "within 2%" in outcome.err
    assert [desk.report(run)["model"]["layers"] for run in desk.finished_runs()] == [1]


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["model.match=size"], ["model.match='size'", "'parameters', 'flops' or 'latency'"]),
        (["model.match_to.layers=2"], ["model.match_to.layers has no effect without model.match"]),
        (["model.match=flops", "model.match_to.layers=0"], ["model.match_to.layers=0", "greater than or equal to 1"]),
        (["model.match=flops", "model.match_to.depth=2"], ["'model.match_to.depth' is not a setting", "Did you mean"]),
        (["model.match=flops", "model.match_to.hidden_size=9"], ["model.hidden_size=8 has no effect", "Leave one"]),
        (["model.match=flops", "model.hidden_size=[8,9]"], [r"gives each its own", "Leave one"]),
        (["model.match=latency", "model.match_to.part=network"], ["model.match_to.part has no effect", "Leave it out"]),
        (["model.match=parameters"], ["The nearest is 2 layers of .* units", "larger model.match_to.hidden_size"]),
    ],
)
def test_what_cannot_be_matched_is_refused(desk, overrides, says):
    desk.assert_refused(desk.run("train", *desk.quick(*overrides)), says)
    assert not (desk.place / "runs").exists()
