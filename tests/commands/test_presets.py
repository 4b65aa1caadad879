"""Every preset of regularization trains at every depth, on real text where it is there."""

import csv
from itertools import islice
from pathlib import Path

import pytest

from textlstm.door.resume import compose_plain
from textlstm.door.settings import check_train

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = ROOT.parent / "shared" / "data" / "trec6" / "train.csv"
PRESETS = sorted(path.stem for path in (ROOT / "conf" / "regularization").glob("*.yaml"))


@pytest.mark.parametrize("layers", [1, 2, 4])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_trains_at_every_depth(desk, preset, layers):
    if QUESTIONS.is_file():
        with QUESTIONS.open(newline="", encoding="utf-8") as file:
            rows = list(islice(csv.reader(file), 1, 301))
        desk.csv("rows.csv", rows)
    run = desk.train(f"regularization={preset}", f"model.layers={layers}", "training.max_steps=4").folder
    report = desk.report(run)
    assert report["model"]["layers"] == layers
    written = report["config"]["model"]
    expected = compose_plain(ROOT / "conf", "config", [f"regularization={preset}"])["model"]
    rates = [name for name in written if "dropout" in name or "zoneout" in name or "regularization" in name]
    assert {name: written[name] for name in rates} == {name: expected[name] for name in rates}
    # Chance, not more: four updates show that it runs and that the numbers are numbers.
    assert 0 < report["splits"]["train"]["loss"] < 5


@pytest.mark.parametrize("layers", range(1, 9))
@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_allowed_at_every_depth(preset, layers):
    check_train(compose_plain(ROOT / "conf", "config", [f"regularization={preset}", f"model.layers={layers}"]))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_names_its_source_and_sets_the_same_names_as_the_others(preset):
    text = (ROOT / "conf" / "regularization" / f"{preset}.yaml").read_text()
    assert preset == "none" or any(str(year) in text.splitlines()[1] for year in range(2013, 2020))
    names = {line.split(":")[0] for line in text.splitlines()[2:]}
    first = (ROOT / "conf" / "regularization" / f"{PRESETS[0]}.yaml").read_text()
    # A preset that left out a rate would keep another preset's or the default's.
    assert names == {line.split(":")[0] for line in first.splitlines()[2:]}


def test_what_the_user_sets_wins_over_the_preset():
    config = compose_plain(
        ROOT / "conf", "config", ["model.dropout=0.11", "regularization=strong", "training.weight_decay=0.3"]
    )
    assert (config["model"]["dropout"], config["training"]["weight_decay"]) == (0.11, 0.3)
    assert config["model"]["weight_drop"] == 0.3  # the preset's
