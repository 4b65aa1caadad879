"""Near duplicates: signatures against true similarity, recall as the theory gives it, real text against a plain loop."""

import math
import random
import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from textlstm.data.deduplicate import NESTED_SHARE, nested_share
from textlstm.data.duplicates import normalise
from textlstm.data.near_duplicates import (
    BAND_HASHES,
    BANDS,
    BUCKET_NEIGHBOURS,
    THRESHOLD,
    candidates,
    jaccard,
    near_pairs,
    shingle,
    sign,
)

HASHES = BANDS * BAND_HASHES


def true_shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def true_jaccard(left: str, right: str) -> float:
    one, other = true_shingles(left), true_shingles(right)
    return len(one & other) / len(one | other)


def make_text(draw: random.Random, words: int, vocabulary: int = 5000) -> list[str]:
    return [f"w{draw.randrange(vocabulary)}" for _ in range(words)]


def planted_pair(draw: random.Random, shared: int, own: int) -> tuple[str, str]:
    """Two texts that share `shared` of their shingles and have `own` each that the other has not."""
    start = make_text(draw, shared + 2, 10**9)
    return tuple(" ".join(start + make_text(draw, own, 10**9)) for _ in range(2))  # type: ignore[return-value]


def test_shingles_are_counted_text_by_text():
    texts = ["one two three four five six seven eight nine ten", "too short", "", " ".join(["same"] * 12)]
    hashes, counts = shingle(texts)
    assert counts.tolist() == [8, 0, 0, 10]
    assert len(set(hashes[:8])) == 8
    assert len(set(hashes[8:])) == 1
    again, _ = shingle([texts[3], texts[0]])
    assert again.tolist() == [*hashes[8:], *hashes[:8]], "a text's shingles do not depend on its neighbours"


def test_the_order_of_words_counts():
    words = [f"w{i}" for i in range(30)]
    turned = " ".join(reversed(words))
    assert jaccard([" ".join(words), turned], np.array([0]), np.array([1])).tolist() == [0]


def test_punctuation_does_not_count():
    text = "one two three four five six seven eight nine ten"
    assert near_pairs([text, text.replace(" ", ", ") + "!"]).similarity.tolist() == [1]


def test_no_texts_and_short_texts_have_no_pairs():
    assert near_pairs([]).first.tolist() == []
    assert near_pairs(["a", "", "one two three"]).first.tolist() == []
    nine = "one two three four five six seven eight nine"
    assert near_pairs([nine, nine + "!"]).first.tolist() == []
    assert len(near_pairs([nine + " ten", nine + " ten!"]).first) == 1


def test_similarity_is_that_of_sets():
    draw = random.Random(0)
    texts = [" ".join(make_text(draw, draw.randint(10, 60), 4)) for _ in range(40)]
    first, second = map(np.array, zip(*combinations(range(40), 2), strict=True))
    expected = [true_jaccard(texts[i], texts[j]) for i, j in zip(first, second, strict=True)]
    assert max(expected) > 0.3
    np.testing.assert_allclose(jaccard(texts, first, second), expected, rtol=1e-12)


def test_signatures_estimate_similarity_within_their_error():
    """The share of equal hashes is binomial: mean s, variance s(1 - s) / 100."""
    draw = random.Random(1)
    for shared, own in ((90, 5), (80, 10), (60, 20), (30, 35)):
        pairs = [planted_pair(draw, shared, own) for _ in range(200)]
        s = true_jaccard(*pairs[0])
        assert s == pytest.approx(shared / (shared + 2 * own), abs=1e-12)
        _, signatures = sign([text for pair in pairs for text in pair])
        shares = (signatures[::2] == signatures[1::2]).mean(axis=1)
        error = math.sqrt(s * (1 - s) / HASHES)
        assert abs(shares.mean() - s) < 4 * error / math.sqrt(200)
        assert 0.8 < shares.std() / error < 1.25


@pytest.mark.parametrize(("shared", "own"), [(80, 10), (60, 20), (50, 25), (40, 30)])
def test_bands_meet_pairs_with_the_probability_of_theory(shared, own):
    draw = random.Random(2)
    count, s = 400, shared / (shared + 2 * own)
    texts = [text for _ in range(count) for text in planted_pair(draw, shared, own)]
    first, second = candidates(sign(texts)[1])
    met = set(zip(first.tolist(), second.tolist(), strict=True))
    found = sum((2 * i, 2 * i + 1) in met for i in range(count))
    expected = 1 - (1 - s**BAND_HASHES) ** BANDS
    assert abs(found / count - expected) <= 4 * math.sqrt(expected * (1 - expected) / count) + 1 / count
    assert len(met) == found, "texts that share nothing do not meet"


def test_pairs_at_the_threshold_are_reported_and_those_under_it_are_not():
    draw = random.Random(3)
    texts = [text for shared, own in ((40, 5), (39, 5), (36, 5)) for text in planted_pair(draw, shared, own)]
    found = near_pairs(texts)
    assert (found.first.tolist(), found.second.tolist()) == ([0], [1])
    assert found.similarity.tolist() == [THRESHOLD]


def test_thousands_of_one_template_take_no_quadratic_time_and_stay_one_family():
    draw = random.Random(4)
    frame = make_text(draw, 60)
    texts = sorted({" ".join([*frame[:30], f"order{i}", *frame[30:]]) for i in range(2000)})
    found = near_pairs(texts)
    assert len(found.first) <= BANDS * BUCKET_NEIGHBOURS * len(texts)
    linked = np.zeros(len(texts), bool)
    linked[found.first] = linked[found.second] = True
    assert linked.all()


def test_scripts_without_spaces_are_compared_by_characters():
    text = "今日は天気がとても良いので公園まで歩いて行きました"
    found = near_pairs([text, text + "。", "全く違う文章をここに置いて比べてみることにします"])
    assert (found.first.tolist(), found.second.tolist(), found.similarity.tolist()) == ([0], [1], [1])


@pytest.mark.parametrize(("name", "most"), [("trec6/train.csv", 3000), ("reuters_r8/test.csv", 700)])
def test_near_duplicates_of_real_texts_are_those_of_a_plain_loop(shared_data, name, most):
    frame = pd.read_csv(shared_data(name), keep_default_na=False)
    texts = [text for text in sorted({normalise(text) for text in frame["text"]}) if len(text) > 40][:most]
    words = [re.findall(r"\w+", text) for text in texts]
    sets = [{tuple(w[i : i + 3]) for i in range(len(w) - 2)} if len(w) >= 10 else set() for w in words]
    expected = {
        (i, j)
        for i, j in combinations(range(len(texts)), 2)
        if sets[i] and sets[j] and len(sets[i] & sets[j]) >= THRESHOLD * len(sets[i] | sets[j]) - 1e-9
    }
    found = near_pairs(texts)
    assert set(zip(found.first.tolist(), found.second.tolist(), strict=True)) == expected
    assert expected


def test_nested_phrases_are_counted_as_a_loop_counts_them():
    draw = random.Random(5)
    sentences = [make_text(draw, draw.randint(5, 40), 300) for _ in range(60)]
    phrases = []
    for words in sentences[:40]:
        start, length = draw.randrange(len(words) - 3), draw.randint(1, 30)
        phrases.append(words[start : start + length])
    texts = sorted({" ".join(words) for words in sentences + phrases})
    nested = sum(
        3 <= len(text.split()) <= 25 and any(f" {text} " in f" {other} " for other in texts if other != text)
        for text in texts
    )
    assert nested / len(texts) > 0.2
    assert nested_share(texts) == pytest.approx(nested / len(texts))


def test_real_phrases_are_nested_and_real_sentences_are_not(shared_data):
    phrases = pd.read_csv(shared_data("sst2/train_phrases.csv"), keep_default_na=False)["text"]
    assert nested_share(sorted({normalise(text) for text in phrases})) > 0.6
    for name in ("sst2/train.csv", "trec6/train.csv", "reuters_r8/train.csv"):
        texts = pd.read_csv(shared_data(name), keep_default_na=False)["text"]
        assert nested_share(sorted({normalise(text) for text in texts})) < NESTED_SHARE, name
