"""From texts to batches: the vocabulary, contractions, a saved tokenizer, padding and the order of texts."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from datasets import Dataset, DatasetDict
from scipy.stats import spearmanr
from transformers import AutoTokenizer

from textlstm.data.batches import (
    Collator,
    EncodedTexts,
    SimilarLengthSampler,
    encode_splits,
    text_statistics,
    tokenize,
)
from textlstm.data.bbc_news import BBCNews
from textlstm.data.tokenizers.trained import PAD, UNKNOWN
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.network import vocabulary_of

ODD_TEXTS = [
    "naïve café — “quoted” … ﬁne ½ №5",
    "日本語のテキスト and русский текст",
    "emoji 😀👩‍👩‍👧 zero\u200bwidth\u00a0space\u3000wide",
    "e\u0301 combining, Ｆｕｌｌ ｗｉｄｔｈ, ẞ STRASSE İstanbul",
    "tabs\tand\nlines\r\nand\x00nul\x1c",
    "don't DON'T it's o'clock rock'n'roll 'tis dogs' can't've",
    "http://example.com/a_b?c=1&d=2 e-mail@x.org $1,234.56 #tag @you",
    f"a text that says {PAD} and {UNKNOWN}",
]


def words_of(text: str, **settings) -> list[str]:
    tokenizer = WordsTokenizer(minimum_count=1, **settings).train([text])
    return tokenizer.convert_ids_to_tokens(tokenize([text], tokenizer)[0])


# Words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't", "do n't"),
        ("It's", "it 's"),
        ("Can't you? I won't!", "ca n't you ? i wo n't !"),
        ("they're we've I'm he'd she'll", "they 're we 've i 'm he 'd she 'll"),
        ("shouldn't've", "should n't 've"),
        ("it’s isn’t", "it 's is n't"),
        ("the dogs' bowl, 'so' be it", "the dogs ' bowl , ' so ' be it"),
        ("o'clock", "o ' clock"),
        ("n't 's", "n't 's"),
        ("U.S. $5.50 (100%)", "u . s . $ 5 . 50 ( 100 % )"),
        ("end.Next -- e-mail", "end . next - - e - mail"),
        ("ﬁne Ｆｕｌｌ", "fine full"),
        ("cant wont cannot", "cant wont cannot"),
    ],
)
def test_contractions_and_marks_are_words(text, words):
    assert words_of(text) == words.split()


@pytest.mark.parametrize("text", ["I don't think it's what they're after.", "You can't say we'd won't, n't?"])
def test_raw_and_already_split_texts_give_the_same_words(text):
    assert words_of(" ".join(words_of(text))) == words_of(text)


def test_case_is_kept_on_request():
    assert words_of("The the THE", lowercase=False) == ["The", "the", "THE"]
    assert words_of("The the THE") == ["the"] * 3


def test_the_vocabulary_is_the_counted_words_with_the_most_frequent_first():
    rng = np.random.default_rng(0)
    lexicon = [f"w{i}" for i in range(300)]
    texts = [" ".join(rng.choice(lexicon, 30, p=np.arange(300, 0, -1) / 45150)) for _ in range(60)]
    counts = Counter(" ".join(texts).split())
    for minimum in (1, 2, 5):
        vocabulary = vocabulary_of(WordsTokenizer(minimum_count=minimum).train(texts)).tokens
        assert vocabulary[:2] == [PAD, UNKNOWN]
        assert set(vocabulary[2:]) == {word for word, count in counts.items() if count >= minimum}
        found = [counts[word] for word in vocabulary[2:]]
        assert found == sorted(found, reverse=True)
    assert any(count == 1 for count in counts.values())


def test_the_vocabulary_has_at_most_the_asked_size():
    texts = ["a a a a b b b c c d"] * 2
    assert vocabulary_of(WordsTokenizer(vocabulary_size=3).train(texts)).tokens == [PAD, UNKNOWN, "a", "b", "c"]
    assert len(WordsTokenizer(vocabulary_size=30_000).train(texts)) == 6


def test_training_twice_gives_the_same_ids():
    texts = ["b a c", "c b a", "e d f", "f e d"]  # nothing but ties
    first, second = (WordsTokenizer(minimum_count=1).train(texts).get_vocab() for _ in range(2))
    assert first == second


def test_words_of_other_splits_are_unknown():
    splits = DatasetDict(
        {
            "train": Dataset.from_dict({"text": ["good film", "good film bad"], "label": [0, 1]}),
            "test": Dataset.from_dict({"text": ["good unseen unseen unseen", "bad film"], "label": [0, 1]}),
        }
    )
    tokenizer = WordsTokenizer(minimum_count=1).train(splits["train"]["text"])
    assert set(vocabulary_of(tokenizer).tokens) == {PAD, UNKNOWN, "good", "film", "bad"}
    encoded = encode_splits(splits, tokenizer)
    unknown = tokenizer.unk_token_id
    assert encoded["test"].ids[0] == [tokenizer.get_vocab()["good"], unknown, unknown, unknown]
    assert unknown not in encoded["train"].ids[0]
    assert encoded["test"].labels.tolist() == [0, 1]


def test_the_first_words_of_a_file_follow_the_words_of_training():
    file_words = ["film", "the", "of", "the", "good", "zebra", "late"]
    tokenizer = WordsTokenizer(minimum_count=1).train(["good good film"], file_words, 6)
    assert vocabulary_of(tokenizer).tokens == [PAD, UNKNOWN, "good", "film", "the", "of", "zebra"]
    assert tokenize(["the zebra of late film"], tokenizer) == [[4, 6, 5, 1, 3]]


def test_a_rare_word_of_training_stays_if_a_file_knows_it():
    texts = ["a a a b b known unknown", "a b also"]
    file_words = ["x", "y", "known", "also", "never"]
    tokenizer = WordsTokenizer(minimum_count=2).train(texts, file_words, 1)
    vocabulary = vocabulary_of(tokenizer).tokens
    assert vocabulary[:4] == [PAD, UNKNOWN, "a", "b"]
    assert set(vocabulary[4:6]) == {"known", "also"}
    assert vocabulary[6:] == ["x"]


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u3000\u2028"])
def test_a_text_without_words_is_one_unknown_word(text):
    tokenizer = WordsTokenizer(minimum_count=1).train(["some words"])
    assert tokenize([text, "some"], tokenizer) == [[tokenizer.unk_token_id], [2]]


def real_texts(shared_data) -> list[str]:
    texts = list(BBCNews(name="bbc_news").read()["train"]["text"][::40])
    for name in ("sst2/test.csv", "trec6/test.csv"):
        texts += list(pd.read_csv(shared_data(name))["text"][:200])
    return texts


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_saved_tokenizer_gives_equal_ids_for_real_texts(tmp_path, shared_data, lowercase):
    texts = real_texts(shared_data) + ODD_TEXTS
    tokenizer = WordsTokenizer(lowercase=lowercase, max_length=20).train(
        texts[::2] + ODD_TEXTS, ["extra", "vectors"], 2
    )
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    expected = tokenize(texts, tokenizer)
    assert tokenize(texts, again) == expected
    assert again(texts, truncation=True)["input_ids"] == [ids[:20] for ids in expected]
    assert (again.pad_token_id, again.unk_token_id, again.model_max_length) == (0, 1, 20)
    assert again.padding_side == "right"
    assert sum(ids.count(1) for ids in expected) > 0


def test_almost_every_character_of_real_texts_stands_in_a_token(shared_data):
    text = " ".join(pd.read_csv(shared_data("trec6/test.csv"))["text"])
    assert "".join(words_of(text)) == re.sub(r"\s", "", text).lower()


# Encoded texts


def encoded(lengths: list[int], max_length: int = 1000) -> EncodedTexts:
    texts = [[10 + number] * length for number, length in enumerate(lengths)]
    return EncodedTexts(texts, np.arange(len(lengths)) % 3, max_length)


def test_texts_are_cut_at_the_longest_length_and_kept_whole_beside():
    texts = encoded([3, 7, 5], max_length=5)
    assert [len(ids) for ids in texts.ids] == texts.lengths.tolist() == [3, 5, 5]
    assert [len(ids) for ids in texts.whole] == [3, 7, 5]
    assert texts[1] == {"input_ids": [11] * 5, "labels": 1}


def test_a_subset_holds_the_chosen_texts_in_the_chosen_order():
    part = encoded([3, 7, 5, 2], max_length=5).subset(np.array([3, 1]))
    assert [part[i] for i in range(len(part))] == [
        {"input_ids": [13, 13], "labels": 0},
        {"input_ids": [11] * 5, "labels": 1},
    ]
    assert len(part.whole[1]) == 7


def test_order_by_length_keeps_the_order_of_equal_lengths():
    assert encoded([5, 2, 5, 1, 2]).by_length().tolist() == [3, 1, 4, 0, 2]


def test_text_statistics_are_those_counted_by_hand():
    texts = EncodedTexts([[2, 1, 3], [1, 1, 1, 5, 2], [4]], np.zeros(3, np.int64), 3)
    assert text_statistics(texts, 1) == {
        "truncated_share": pytest.approx(1 / 3),
        "truncated_tokens_share": pytest.approx(2 / 9),
        "unknown_rate": pytest.approx(4 / 9),
        "tokens_per_text": pytest.approx(3.0),
    }


def test_the_collator_pads_behind_the_texts():
    batch = Collator(9)([{"input_ids": [1, 2], "labels": 4}, {"input_ids": [3, 4, 5, 9], "labels": 0}])
    assert batch["input_ids"].tolist() == [[1, 2, 9, 9], [3, 4, 5, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0, 0], [1, 1, 1, 1]]
    assert batch["labels"].tolist() == [4, 0]
    assert all(tensor.dtype == torch.int64 for tensor in batch.values())
    assert "labels" not in Collator(0)([{"input_ids": [1]}])


# The order of texts


def epoch(sampler: SimilarLengthSampler, number: int) -> list[int]:
    sampler.set_epoch(number)
    return list(sampler)


LENGTHS = np.random.default_rng(0).integers(1, 400, 2003)


@pytest.mark.parametrize(("texts", "batch_size"), [(2003, 8), (2003, 1), (64, 64), (7, 8), (1, 4), (300, 17), (512, 8)])
def test_every_text_comes_exactly_once_an_epoch(texts, batch_size):
    sampler = SimilarLengthSampler(LENGTHS[:texts], batch_size, seed=0)
    assert len(sampler) == texts
    for number in range(3):
        assert sorted(epoch(sampler, number)) == list(range(texts))


def test_the_order_depends_on_seed_and_epoch_alone():
    sampler = SimilarLengthSampler(LENGTHS, 8, seed=3)
    orders = [epoch(sampler, number) for number in range(3)]
    orders.append(epoch(SimilarLengthSampler(LENGTHS, 8, seed=4), 0))
    assert len({tuple(order) for order in orders}) == 4
    np.random.seed(1)
    torch.manual_seed(1)
    assert epoch(SimilarLengthSampler(LENGTHS, 8, seed=3), 1) == orders[1]
    assert epoch(sampler, 0) == orders[0]


def test_batches_are_new_in_every_epoch_not_only_their_order():
    sampler = SimilarLengthSampler(LENGTHS, 8, seed=0)
    first, second = ({frozenset(epoch(sampler, n)[i : i + 8]) for i in range(0, 2000, 8)} for n in range(2))
    assert len(first & second) < 5


def test_a_batch_holds_texts_of_similar_length():
    batch_size = 8
    order = epoch(SimilarLengthSampler(LENGTHS, batch_size, seed=0), 0)
    full = np.array(order[: len(order) // batch_size * batch_size]).reshape(-1, batch_size)
    spread = np.ptp(LENGTHS[full], axis=1)
    at_random = np.random.default_rng(1).permutation(len(LENGTHS))[: full.size].reshape(-1, batch_size)
    # Windows of 16 batches: a sorted window's batches span about 1/16 of what they would at random.
    assert spread.mean() < np.ptp(LENGTHS[at_random], axis=1).mean() / 8
    assert spread.max() < np.ptp(LENGTHS) / 3


def test_the_incomplete_batch_comes_last():
    batch_size = 8
    order = epoch(SimilarLengthSampler(LENGTHS, batch_size, seed=0), 0)
    batches = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    assert [len(batch) for batch in batches] == [8] * 250 + [3]
    # Cut anywhere else, the batches behind the cut would mix two batches of different lengths.
    assert max(np.ptp(LENGTHS[batch]) for batch in batches[:-1]) < np.ptp(LENGTHS) / 3


def test_short_and_long_batches_alternate_at_random():
    correlations = []
    for number in range(20):
        order = np.array(epoch(SimilarLengthSampler(LENGTHS, 8, seed=0), number)[:2000]).reshape(-1, 8)
        means = LENGTHS[order].mean(axis=1)
        place = spearmanr(np.arange(len(means)), means).statistic
        neighbour = spearmanr(means[:-1], means[1:]).statistic
        correlations.append((place, neighbour))
    # 250 batches: a correlation of independent ranks has a standard deviation of 0.063.
    assert np.abs(correlations).max() < 0.3
    assert np.abs(np.mean(correlations, axis=0)).max() < 0.06
