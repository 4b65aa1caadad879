"""The tables of published sets and of tokenizers and sources in README.md and LOG.md state what the benchmarks found."""

import json
from pathlib import Path

import pytest

from benchmarks import published, sources

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.mark.parametrize("page", ["README.md", "LOG.md"])
def test_every_row_of_the_published_sets_stands_there(page):
    rows = json.loads((RESULTS / "published.json").read_text())
    assert {(row["data"], row["seed"]) for row in rows} == {
        (data, seed) for data in published.SPLITS for seed in range(3)
    }
    assert all(row["settings"] == published.CHOSEN[row["data"]] for row in rows)
    text = (ROOT / page).read_text(encoding="utf-8")
    for line in published.table(rows):
        assert f"| {' | '.join(line)} |" in text


@pytest.mark.parametrize("page", ["README.md", "LOG.md"])
def test_every_row_of_tokenizers_and_sources_stands_there(page):
    rows = json.loads((RESULTS / "sources.json").read_text())
    kinds = {(row["tokenizer"], row["source"]) for row in rows}
    assert {(row["data"], row["seed"]) for row in rows} == {
        (data, seed) for data in sources.SPLITS for seed in range(3)
    }
    assert len(rows) == len(kinds) * len(sources.SPLITS) * 3
    assert {("pretrained", source) for source in sources.ENCODERS} < kinds
    assert {tokenizer for tokenizer, _ in kinds} == {*sources.TRAINED, "pretrained"}
    text = (ROOT / page).read_text(encoding="utf-8")
    for line in sources.table(rows):
        assert f"| {' | '.join(line)} |" in text


@pytest.mark.parametrize("data", published.SPLITS)
def test_what_was_chosen_is_the_best_of_its_search_on_validation(data):
    rows = json.loads((RESULTS / f"published_search_{data}.json").read_text())
    scores = published.validation_means(rows)
    assert scores[published.CHOSEN[data]] == max(scores.values())
    assert not {row["seed"] for row in rows} & {0, 1, 2}
