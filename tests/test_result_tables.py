"""The tables of results in README.md and LOG.md state what the benchmarks found."""

import json
from pathlib import Path

import pytest

from benchmarks import published, sources

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.mark.parametrize("page", ["README.md", "LOG.md"])
@pytest.mark.parametrize("benchmark", [sources, published], ids=lambda module: module.__name__)
def test_every_row_stands_there(page, benchmark):
    name = benchmark.__name__.rsplit(".", 1)[-1]
    rows = json.loads((RESULTS / f"{name}.json").read_text())
    assert {row["seed"] for row in rows} == {0, 1, 2}
    text = (ROOT / page).read_text(encoding="utf-8")
    for line in benchmark.table(rows):
        assert f"| {' | '.join(line)} |" in text


@pytest.mark.parametrize("data", published.SPLITS)
def test_what_was_chosen_is_the_best_of_its_search_on_validation(data):
    rows = json.loads((RESULTS / f"published_search_{data}.json").read_text())
    scores = published.validation_means(rows)
    assert scores[published.CHOSEN[data]] == max(scores.values())
    assert not {row["seed"] for row in rows} & {0, 1, 2}
