"""The overfitting verdict, on courses of training with a known fault."""

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from tests.study.folders import make_report, write_run
from textlstm.study.advice import what_to_try
from textlstm.study.overfitting import OverfittingThresholds, judge_overfitting
from textlstm.study.runs import read_run

NOISE = np.array([-0.01, 0.0, 0.01])


def level(tmp_path, name, *, loss=(0.5, 0.5), accuracy=(0.8, 0.8), train=0.3, seeds=3, noise=1.0, last=True, layers=1):
    """Runs whose validation loss and accuracy go from best to last; `train` is the last training loss."""
    runs = []
    for seed in range(seeds):
        report = make_report(layers=layers, seed=seed)
        shift = noise * NOISE[seed]
        best = {"loss": loss[0] + shift, "accuracy": accuracy[0], "macro_f1": accuracy[0]}
        end = {"loss": loss[1] + shift, "accuracy": accuracy[1], "macro_f1": accuracy[1]}
        trained = {"loss": train + shift / 10, "accuracy": 0.9, "macro_f1": 0.9}
        report["splits"] |= {"validation": best, "train": trained}
        report["training"]["best_epoch"] = 2.0
        report["history"] = [
            {"epoch": 1.0, "train": trained, "validation": best | {"loss": 2.0, "accuracy": 0.1}},
            {"epoch": 2.0, "train": trained, "validation": best},
            {"epoch": 3.0, "train": trained, "validation": end},
        ]
        if last:
            report["last_splits"] = {"train": trained, "validation": end, "test": end}
        runs.append(read_run(write_run(tmp_path / name / str(seed), report)))
    return runs


@pytest.mark.parametrize("last", [True, False], ids=["last_splits", "history alone"])
@pytest.mark.parametrize(
    ("loss", "accuracy", "verdict"),
    [
        ((0.5, 0.5), (0.8, 0.8), "none"),
        ((0.5, 0.53), (0.8, 0.795), "none"),
        ((0.5, 0.6), (0.8, 0.8), "overconfident"),
        ((0.5, 1.5), (0.8, 0.795), "overconfident"),
        ((0.5, 0.6), (0.8, 0.785), "mild"),
        ((0.5, 0.5), (0.8, 0.785), "mild"),
        ((0.5, 0.8), (0.8, 0.785), "strong"),
        ((0.5, 0.6), (0.8, 0.76), "strong"),
        ((0.01, 0.015), (0.99, 0.99), "none"),
    ],
)
def test_the_end_of_the_budget_is_compared_with_the_best_epoch(tmp_path, loss, accuracy, verdict, last):
    found = judge_overfitting(level(tmp_path, "a", loss=loss, accuracy=accuracy, last=last, noise=0.1))
    assert found.verdict == verdict
    assert found.excess_loss.mean == pytest.approx(loss[1] - loss[0])
    assert found.excess_error.mean == pytest.approx(accuracy[0] - accuracy[1])
    assert f"{100 * (accuracy[0] - accuracy[1]):.1f} points" in found.sentence


def test_a_gap_alone_is_no_fault(tmp_path):
    found = judge_overfitting(level(tmp_path, "a", train=0.0001, loss=(2.0, 2.0)))
    assert found.verdict == "none"


def test_loss_is_compared_with_its_lowest_where_weights_were_chosen_by_accuracy(tmp_path):
    runs = []
    for seed in range(2):
        report = make_report(seed=seed)
        report["training"]["best_epoch"] = 3.0
        rows = [(1.0, 0.4, 0.79), (2.0, 0.5, 0.80), (3.0, 0.7, 0.81)]
        report["history"] = [
            {"epoch": e, "validation": {"loss": loss, "accuracy": a}, "train": {"loss": 0.1, "accuracy": 1.0}}
            for e, loss, a in rows
        ]
        report["splits"]["validation"] |= {"loss": 0.7, "accuracy": 0.81}
        runs.append(read_run(write_run(tmp_path / str(seed), report)))
    found = judge_overfitting(runs)
    assert (found.verdict, found.lowest_epoch) == ("overconfident", 1.0)
    assert found.excess_loss.mean == pytest.approx(0.3)
    tries = what_to_try(found, runs, better=None, varied=())
    assert "training.epochs=1" in tries
    assert "training.label_smoothing (here 0.0" in tries


def test_deeper_with_less_training_and_more_validation_loss_overfits(tmp_path):
    shallow = level(tmp_path, "a", train=0.3, loss=(0.5, 0.5))
    worse = level(tmp_path, "b", train=0.1, loss=(0.7, 0.7), accuracy=(0.78, 0.78))
    found = judge_overfitting(worse, shallower=shallow)
    assert found.verdict == "mild"
    assert "against the next shallower depth" in found.sentence
    expected = stats.ttest_ind(
        [run.at_end("validation")["loss"] for run in worse],
        [run.at_end("validation")["loss"] for run in shallow],
        equal_var=False,
    ).confidence_interval(0.95)
    against = found.against_shallower["validation_loss"]
    assert (against.low, against.high) == pytest.approx((expected.low, expected.high))
    assert judge_overfitting(worse).verdict == "none"
    holds = level(tmp_path, "c", train=0.1, loss=(0.7, 0.7), accuracy=(0.81, 0.81))
    assert judge_overfitting(holds, shallower=shallow).verdict == "overconfident"
    less = level(tmp_path, "d", train=0.4, loss=(0.7, 0.7), accuracy=(0.7, 0.7))
    assert judge_overfitting(less, shallower=shallow).verdict == "none"  # it learns less: no overfitting
    both = level(tmp_path, "e", train=0.1, loss=(0.6, 0.7), accuracy=(0.8, 0.785))
    assert judge_overfitting(both, shallower=shallow).verdict == "strong"


def test_an_interval_that_holds_zero_says_nothing(tmp_path):
    shallow = level(tmp_path, "a", train=0.3, loss=(0.5, 0.5), noise=20)
    deep = level(tmp_path, "b", train=0.1, loss=(0.55, 0.55), accuracy=(0.78, 0.78), noise=20)
    found = judge_overfitting(deep, shallower=shallow)
    assert found.against_shallower["validation_loss"].low < 0
    assert found.verdict == "none"
    one = judge_overfitting(deep[:1], shallower=shallow[:1])
    assert one.against_shallower["train_loss"].low is None
    assert "one seed" in one.sentence


def test_thresholds_are_settings(tmp_path):
    runs = level(tmp_path, "a", accuracy=(0.8, 0.785))
    assert judge_overfitting(runs, thresholds=OverfittingThresholds(mild_error=0.02)).verdict == "none"
    assert judge_overfitting(runs, thresholds=OverfittingThresholds(strong_error=0.012)).verdict == "strong"
    with pytest.raises(ValidationError):
        OverfittingThresholds(mild_error=-1.0)


def test_without_the_last_epoch_the_verdict_is_unknown(tmp_path):
    report = make_report() | {"history": []}
    run = read_run(write_run(tmp_path / "run", report))
    found = judge_overfitting([run])
    assert (found.verdict, found.excess_loss) == ("unknown", None)
    assert what_to_try(found, [run], better=None, varied=()) is None


def test_what_to_try_was_measured_here(tmp_path):
    runs = level(tmp_path, "a", loss=(0.5, 0.9), accuracy=(0.8, 0.7))
    found = judge_overfitting(runs)
    tries = what_to_try(found, runs, better=("depth 1", 0.85), varied={"model.layers"})
    assert "training.epochs=2, since validation was best at epoch 2.0 of 3" in tries
    assert "depth 1, without this fault here: test accuracy 85.0% against 80.0%" in tries
    assert "model.regularization_scale (here 1.0" in tries
    assert "regularization_scale" not in what_to_try(found, runs, better=None, varied={"model.regularization_scale"})
