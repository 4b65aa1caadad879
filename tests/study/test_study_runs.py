"""Finding and reading runs, and which setting a study is about."""

import json

import numpy as np
import pytest

from tests.study.folders import make_report, write_run, write_study
from textlstm.errors import UserError
from textlstm.study.factors import find_factor, level_name, slice_at
from textlstm.study.runs import check_comparable, find_runs, find_trials, read_run


def runs_of(tmp_path, *reports):
    return [read_run(write_run(tmp_path / f"run-{i}", report)) for i, report in enumerate(reports)]


def test_finished_runs_are_found_at_any_depth_once_and_without_their_evaluations(tmp_path):
    write_study(tmp_path / "a" / "study", {1: 0.8}, seeds=2)
    write_run(tmp_path / "b", make_report())
    write_run(tmp_path / "b" / "evaluation" / "other", make_report())
    write_run(tmp_path / "evaluation" / "alone", make_report())
    (tmp_path / "unfinished").mkdir()
    found = find_runs([tmp_path, tmp_path / "b"])
    assert [str(path.relative_to(tmp_path)) for path in found] == [
        "a/study/layers-1_seed-0",
        "a/study/layers-1_seed-1",
        "b",
        "evaluation/alone",
    ]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_where_there_is_no_run_it_is_said(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=name) as error:
        find_runs([tmp_path / name])
    assert len(str(error.value).splitlines()) <= 3


def test_a_run_is_read_with_its_answers(tmp_path):
    right = np.array([1, 1, 0, 1])
    report = make_report(layers=2, seed=3)
    run = read_run(write_run(tmp_path / "run", report, right))
    assert (run.layers, run.seed, run.config["model.hidden_size"], run.last, run.commit) == (2, 3, 64, None, None)
    assert run.predictions.right.tolist() == right.tolist()
    assert run.predictions.losses == pytest.approx(-np.log([0.9, 0.9, 0.1, 0.9]))
    assert run.at_end("validation") == report["history"][-1]["validation"]
    (tmp_path / "run" / "predictions.parquet").unlink()
    assert read_run(tmp_path / "run").predictions is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda report: report.pop("config"), "config"),
        (lambda report: report.pop("seed"), "seed"),
        (lambda report: report["splits"].pop("test"), "test"),
        (lambda report: report["splits"]["validation"].update(loss=float("nan")), "splits.validation.loss is nan"),
        (lambda report: report["splits"]["test"].update(accuracy=None), "splits.test.accuracy is None"),
    ],
)
def test_a_report_that_lacks_something_is_named(tmp_path, change, named):
    report = make_report()
    change(report)
    folder = write_run(tmp_path / "run", report)
    with pytest.raises(UserError, match=named) as error:
        read_run(folder)
    assert str(folder) in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


def test_what_is_no_json_and_no_table_is_named(tmp_path):
    folder = write_run(tmp_path / "run", make_report())
    (folder / "predictions.parquet").write_text("no table")
    with pytest.raises(UserError, match=r"predictions\.parquet"):
        read_run(folder)
    (folder / "report.json").write_text("{")
    with pytest.raises(UserError, match="JSON"):
        read_run(folder)


def test_runs_on_other_data_are_refused_unless_a_setting_says_so(tmp_path):
    other = make_report(seed=1) | {"data": {"fingerprint": "ffff"}}
    with pytest.raises(UserError, match="data fingerprint"):
        check_comparable(runs_of(tmp_path / "a", make_report(), other))
    with pytest.raises(UserError, match="classes"):
        check_comparable(runs_of(tmp_path / "b", make_report(), make_report(seed=1) | {"labels": ["x", "y"]}))
    split = make_report(seed=1, **{"dataset.split_seed": 1}) | {"data": {"fingerprint": "ffff"}}
    check_comparable(runs_of(tmp_path / "c", make_report(), split))


# Factors


def test_depth_is_the_factor_and_what_changes_with_it_is_reported(tmp_path):
    widths = {1: 168, 2: 120}
    reports = [
        make_report(layers=layers, seed=seed, **{"model.hidden_size": widths[layers], "training.threads": seed + 1})
        for layers in (2, 1)
        for seed in (1, 0)
    ]
    factor = find_factor(runs_of(tmp_path, *reports))
    assert factor.name == "model.layers"
    assert [level.value for level in factor.levels] == [1, 2]
    assert [[run.seed for run in level.runs] for level in factor.levels] == [[0, 1], [0, 1]]
    assert factor.along == {"model.hidden_size": [168, 120]}
    assert factor.shared["training.learning_rate"] == 0.004
    assert not {"seed", "model.layers", "model.hidden_size", "output_dir", "training.threads"} & set(factor.shared)


def test_another_setting_is_found_and_ordered_by_size(tmp_path):
    reports = [make_report(**{"model.regularization_scale": scale}) for scale in (10, 0, 0.5)]
    factor = find_factor(runs_of(tmp_path, *reports))
    assert (factor.name, [level.value for level in factor.levels]) == ("model.regularization_scale", [0, 0.5, 10])


def test_a_setting_that_rules_others_is_the_factor_and_of_equals_one_must_be_named(tmp_path):
    preset = [{"model.dropout": 0.0, "model.weight_drop": 0.0}, {"model.dropout": 0.5, "model.weight_drop": 0.0}]
    preset.append({"model.dropout": 0.3, "model.weight_drop": 0.5})
    factor = find_factor(runs_of(tmp_path / "a", *(make_report(**each) for each in preset)))
    assert (factor.name, factor.along) == ("model.dropout", {"model.weight_drop": [0.0, 0.5, 0.0]})
    pair = runs_of(
        tmp_path / "b", make_report(**{"model.a": 1, "model.b": 1}), make_report(**{"model.a": 2, "model.b": 2})
    )
    with pytest.raises(UserError, match=r"model\.a, model\.b"):
        find_factor(pair)
    assert find_factor(pair, name="model.b").along == {"model.a": [1, 2]}


def test_the_preset_is_the_factor_where_several_settings_tell_the_rest(tmp_path):
    rates = {"none": 0.0, "dropout": 0.5, "awd": 0.3}
    runs = runs_of(
        tmp_path,
        *(make_report(regularization=name, **{"model.dropout": rate}) for name, rate in rates.items()),
    )
    factor = find_factor(runs)
    assert (factor.name, [level.value for level in factor.levels]) == ("regularization", ["awd", "dropout", "none"])
    assert factor.along == {"model.dropout": [0.3, 0.5, 0.0]}
    assert level_name(factor, 0) == "regularization=awd"
    assert find_factor(runs, name="model.dropout").along == {"regularization": ["none", "awd", "dropout"]}


def test_a_second_setting_may_be_crossed_with_all_that_follows_from_it(tmp_path):
    presets = {"none": 0.0, "awd": 0.3}
    reports = [
        make_report(layers=d, seed=s, regularization=name, **{"model.dropout": rate, "model.hidden_size": 64 // d})
        for d in (1, 2)
        for s in (0, 1)
        for name, rate in presets.items()
    ]
    factor = find_factor(runs_of(tmp_path, *reports))
    assert (factor.name, [len(level.runs) for level in factor.levels]) == ("model.layers", [4, 4])
    assert (factor.second.name, factor.second.values) == ("regularization", ("awd", "none"))
    assert (factor.second.along, factor.along) == (("model.dropout",), {"model.hidden_size": [64, 32]})
    part = slice_at(factor, "awd")
    assert part.second is None
    assert [[run.config["model.dropout"] for run in level.runs] for level in part.levels] == [[0.3, 0.3]] * 2
    assert part.shared["regularization"] == "awd"
    assert not {"regularization", "model.dropout"} & set(factor.shared)


def test_a_budget_that_gives_the_widths_is_what_is_crossed(tmp_path):
    reports = [
        make_report(layers=d, **{"model.budget": budget, "model.hidden_size": budget // d})
        for d in (1, 2)
        for budget in (60, 90)
    ]
    second = find_factor(runs_of(tmp_path, *reports)).second
    assert (second.name, second.values, second.along) == ("model.budget", (60, 90), ("model.hidden_size",))


def test_more_than_two_crossed_settings_are_refused_and_the_split_is_none(tmp_path):
    grid = [
        make_report(layers=d, **{"model.hidden_size": w, "model.dropout": r})
        for d in (1, 2)
        for w in (32, 64)
        for r in (0.0, 0.5)
    ]
    with pytest.raises(UserError, match=r"model\.hidden_size, model\.dropout differ within"):
        find_factor(runs_of(tmp_path / "a", *grid))
    # Widths that no two depths share: at none of them could depths be compared.
    apart = [make_report(layers=d, **{"model.hidden_size": 10 * d + k}) for d in (1, 2) for k in (0, 1)]
    with pytest.raises(UserError, match=r"model\.hidden_size"):
        find_factor(runs_of(tmp_path / "b", *apart))
    splits = [
        make_report(layers=d, **{"dataset.split_seed": s}) | {"data": {"fingerprint": str(s)}}
        for d in (1, 2)
        for s in (0, 1)
    ]
    factor = find_factor(runs_of(tmp_path / "c", *splits))
    assert (factor.name, factor.second, factor.split_seeds) == ("model.layers", None, (0, 1))


def trial(layers, number, seed=None):
    settings = {"training.learning_rate": 0.001 * 1.5**number, "training.weight_decay": 0.1 / (1 + number)}
    return make_report(layers=layers, seed=100 + number if seed is None else seed, **settings)


def test_settings_drawn_at_random_are_recognised(tmp_path):
    names = ("training.learning_rate", "training.weight_decay")
    factor = find_factor(runs_of(tmp_path / "a", *(trial(d, n) for d in (1, 2) for n in range(4))))
    assert (factor.name, factor.drawn, factor.second) == ("model.layers", names, None)
    alone = find_factor(runs_of(tmp_path / "b", *(trial(2, n) for n in range(4))))
    assert (alone.name, alone.drawn, len(alone.levels)) == ("model.layers", names, 1)
    # Where seeds are given every trial has all of them.
    both = find_factor(runs_of(tmp_path / "c", *(trial(d, n, s) for d in (1, 2) for n in range(4) for s in (0, 1))))
    assert (both.drawn, both.second) == (names, None)
    # One setting alone is drawn where each value has a seed of its own, and crossed where all have the same.
    rates = [(d, n, {"training.learning_rate": 0.001 * (1 + n)}) for d in (1, 2) for n in range(3)]
    drawn = find_factor(runs_of(tmp_path / "d", *(make_report(layers=d, seed=n, **rate) for d, n, rate in rates)))
    assert (drawn.drawn, drawn.second) == (names[:1], None)
    grid = find_factor(runs_of(tmp_path / "e", *(make_report(layers=d, **rate) for d, _, rate in rates)))
    assert (grid.drawn, grid.second.name) == ((), "training.learning_rate")


def test_trials_of_the_tuning_are_found_apart_from_the_runs(tmp_path):
    write_study(tmp_path / "study", {1: 0.8}, seeds=1)
    for seed in range(2):
        write_run(tmp_path / "study" / "tuning" / f"trial-{seed}", make_report(seed=seed))
    write_run(tmp_path / "study" / "tuning" / "trial-0" / "evaluation" / "x", make_report())
    (tmp_path / "study" / "tuning" / "unfinished").mkdir()

    def names(found):
        return [path.name for path in found]

    assert names(find_runs([tmp_path])) == names(find_runs([tmp_path / "study"])) == ["layers-1_seed-0"]
    assert (
        names(find_trials([tmp_path])) == names(find_trials([tmp_path, tmp_path / "study"])) == ["trial-0", "trial-1"]
    )
    assert names(find_runs([tmp_path / "study" / "tuning"])) == ["trial-0", "trial-1"]
    assert find_trials([tmp_path / "study" / "tuning"]) == []


def test_a_setting_that_older_code_did_not_know_is_no_factor(tmp_path):
    factor = find_factor(runs_of(tmp_path, make_report(), make_report(seed=1, **{"training.new": False})))
    assert factor.name == "model.layers"
    assert len(factor.levels) == 1


def test_a_name_that_no_run_has_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"model\.depth"):
        find_factor(runs_of(tmp_path, make_report(), make_report(layers=2)), name="model.depth")


def test_reports_stay_as_they_were(tmp_path):
    folder = write_run(tmp_path / "run", make_report())
    before = (folder / "report.json").read_bytes()
    read_run(folder)
    assert (folder / "report.json").read_bytes() == before
    assert json.loads(before)["seed"] == 0
