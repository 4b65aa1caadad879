"""Pairs of texts: how they are joined and cut, against loops; what is compared; what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from transformers import PreTrainedTokenizerFast

from textlstm.data.batches import encode_splits
from textlstm.data.cut import count_from_end
from textlstm.data.files import FilesSource
from textlstm.data.folder import FolderSource
from textlstm.data.load import load_data, load_evaluation_data
from textlstm.data.pairs import cut_pair, encode_pairs, separator_of
from textlstm.data.tokenizers.bpe import BPETokenizer
from textlstm.data.tokenizers.characters import CharactersTokenizer
from textlstm.data.tokenizers.pretrained import PretrainedTokenizer
from textlstm.data.tokenizers.rows import train_tokenizer
from textlstm.data.tokenizers.unigram import UnigramTokenizer
from textlstm.data.tokenizers.wordpiece import WordPieceTokenizer
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.diagnostics.linear_baseline import linear_baseline
from textlstm.embeddings.source import EmbeddingTable
from textlstm.errors import UserError
from textlstm.network import build_network
from textlstm.use import classify

TOKENIZERS = [WordsTokenizer, CharactersTokenizer, BPETokenizer, WordPieceTokenizer, UnigramTokenizer]
SEP = 7


def table(path: Path, rows: list[tuple[str, str, str]]) -> str:
    pd.DataFrame(rows, columns=["a", "b", "label"]).to_csv(path, index=False)
    return str(path)


def source(train: str, **settings: object) -> FilesSource:
    return FilesSource(name="pairs", train=train, **{"text_column": "a", "text_pair_column": "b"} | settings)


def some(number: int = 60) -> list[tuple[str, str, str]]:
    return [(f"first text {i}", f"second <sep> text {i}", "yes" if i % 3 else "no") for i in range(number)]


def cut_by_loop(first: list[int], second: list[int], room: int, truncation: str) -> tuple[list[int], list[int]]:
    """One token after the other off the longer text; off what was the shorter one, where both are now equally long."""
    sizes = [len(first), len(second)]
    while sum(sizes) > room:
        longer = 0 if sizes[0] > sizes[1] else 1
        sizes[longer if sizes[0] != sizes[1] else 0 if len(first) <= len(second) else 1] -= 1
    cut = []
    for text, size in zip((first, second), sizes, strict=True):
        end = {"head": 0, "tail": size, "head_tail": size // 2}[truncation]
        cut.append(text[: size - end] + text[len(text) - end :] if size < len(text) else text)
    return cut[0], cut[1]


@pytest.mark.parametrize("truncation", ["head", "tail", "head_tail"])
@pytest.mark.parametrize("max_length", [3, 4, 7, 10, 31])
def test_the_longer_text_is_cut_first(truncation, max_length):
    from_end = count_from_end(truncation, max_length)
    for left in range(1, 25, 2):
        for right in range(1, 25, 3):
            first, second = list(range(100, 100 + left)), list(range(200, 200 + right))
            one, other = cut_by_loop(first, second, max_length - 1, truncation)
            ids = [*first, SEP, *second]
            assert cut_pair(ids, max_length, from_end, SEP) == [*one, SEP, *other]
            assert classify.cut_pair(ids, max_length, from_end, SEP) == [*one, SEP, *other]
            assert one
            assert other


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_a_separator_joins_behind_the_vocabulary_and_no_text_can_write_it(tmp_path, kind):
    data = load_data(source(table(tmp_path / "rows.csv", some(200))))
    tokenizer = train_tokenizer(kind(), data.splits["train"])
    plain = kind().train([*data.splits["train"]["text"], *data.splits["train"]["text_pair"]])
    separator = separator_of(tokenizer)
    assert separator == len(plain) == len(tokenizer) - 1
    assert separator_of(plain) is None
    assert {token: i for token, i in tokenizer.get_vocab().items() if i != separator} == plain.get_vocab()
    for ids in encode_splits(data.splits, tokenizer)["train"].whole:
        assert ids.count(separator) == 1
    tokenizer.save_pretrained(tmp_path / "saved")
    loaded = PreTrainedTokenizerFast.from_pretrained(tmp_path / "saved")
    assert separator_of(loaded) == separator
    assert encode_splits(data.splits, loaded)["test"].ids == encode_splits(data.splits, tokenizer)["test"].ids


def test_a_separator_that_no_source_knows_keeps_its_random_vector_and_the_table_stays_as_it_is(tmp_path):
    data = load_data(source(table(tmp_path / "rows.csv", some())))
    tokenizer = train_tokenizer(WordsTokenizer(minimum_count=1), data.splits["train"])
    vectors = np.ones((len(tokenizer), 4), np.float32)
    vectors[separator_of(tokenizer)] = 0
    before = vectors.copy()
    weights = []
    for seed in (0, 1):
        made = EmbeddingTable(4, vectors)
        model = build_network({}, tokenizer, made, trainable=True, label_names=["x", "y"], seed=seed)
        weights.append(model.embedding.table.weight.detach().numpy())
    rows = np.flatnonzero((weights[0] != weights[1]).any(axis=1))
    assert rows.tolist() == [separator_of(tokenizer)]
    assert weights[0][rows].any()
    np.testing.assert_array_equal(vectors, before)


def test_it_is_as_transformers_joins_them(tmp_path):
    data = load_data(source(table(tmp_path / "rows.csv", some())))
    tokenizer = train_tokenizer(WordsTokenizer(max_length=6), data.splits["train"])
    found = encode_splits(data.splits, tokenizer)["test"].ids
    pairs = zip(data.splits["test"]["text"], data.splits["test"]["text_pair"], strict=True)
    assert found == [tokenizer(a, b, truncation=True)["input_ids"] for a, b in pairs]


def test_an_export_encodes_alike_on_real_text(shared_data, tmp_path):
    texts = pd.read_csv(shared_data("trec6/test.csv"))["text"].tolist()
    rows = [(a, b, "x" if i % 2 else "y") for i, (a, b) in enumerate(zip(texts[:250], texts[250:], strict=True))]
    data = load_data(source(table(tmp_path / "rows.csv", rows)))
    tokenizer = train_tokenizer(WordsTokenizer(), data.splits["train"])
    backend, separator = tokenizer.backend_tokenizer, separator_of(tokenizer)
    pairs = [(a, b) for a, b, _ in rows] + [("a", "<sep> <sep>"), ("<sep>", "\u200b")]
    mine = encode_pairs(backend, *zip(*pairs, strict=True), separator=separator, unknown=1)
    assert mine == classify.encode_pairs(backend, pairs, separator, 1)
    assert all(ids.count(separator) == 1 and ids[0] != separator != ids[-1] for ids in mine)
    sides = [backend.encode(a).ids for a, _ in pairs[:250]]
    assert [ids[: ids.index(separator)] for ids in mine[:250]] == sides


def test_copies_are_of_both_texts(tmp_path):
    rows = [*some(), ("first text 0", "another", "yes"), ("First  text 0", "second <sep> text 0", "yes")]
    data = load_data(source(table(tmp_path / "rows.csv", rows)))
    assert data.duplicates_removed == 1
    assert data.duplicates["conflict_examples"][0]["text"] == "first text 0 <sep> second <sep> text 0"
    assert data.pairs


def test_a_pair_with_an_empty_text_is_dropped(tmp_path):
    data = load_data(source(table(tmp_path / "rows.csv", [*some(), ("one", " ", "yes"), ("", "two", "no")])))
    assert data.empty_texts_dropped == 2


def test_pairs_with_nothing_but_empty_texts_name_both_columns(tmp_path):
    path = table(tmp_path / "a.csv", [(text, "", label) for text, _, label in some()])
    with pytest.raises(UserError, match=r"no pairs: a text is empty in each of its 60\.\n.*text_pair_column"):
        load_data(source(path))


def test_the_fingerprint_and_the_baseline_see_the_second_text(tmp_path):
    rows = [("same words here", f"{'good' if i % 2 else 'bad'} thing {i}", "yes" if i % 2 else "no") for i in range(90)]
    data = load_data(source(table(tmp_path / "rows.csv", rows), deduplicate="none"))
    assert linear_baseline(data.splits)["test"]["accuracy"] == 1.0
    other = [(a, f"{b} more", label) for a, b, label in rows]
    assert load_data(source(table(tmp_path / "other.csv", other))).fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"text_pair_column": "a"}, "text_pair_column and dataset.text_column are both 'a'"),
        ({"text_pair_column": "label"}, "text_pair_column and dataset.label_column are both"),
        ({"text_pair_column": "c"}, r"no column 'c'(.|\n)*text_pair_column"),
    ],
)
def test_columns_that_cannot_be_a_second_text_are_refused(tmp_path, settings, says):
    with pytest.raises(UserError, match=says):
        load_data(source(table(tmp_path / "rows.csv", some()), **settings))


def test_where_pairs_cannot_be(tmp_path):
    with pytest.raises(UserError, match="text_pair_column=b cannot act"):
        FolderSource(name="folder", path=str(tmp_path), text_pair_column="b").read()
    rows = load_data(source(table(tmp_path / "rows.csv", some()))).splits["train"]
    with pytest.raises(UserError, match="max_length=2 leaves no room for a pair"):
        train_tokenizer(WordsTokenizer(max_length=2), rows)
    path, other = table(tmp_path / "rows.csv", some()), table(tmp_path / "test.csv", some())
    for pairs, given in ((True, None), (False, "b")):
        with pytest.raises(UserError, match="text_pair_column"):
            load_evaluation_data(
                source(path, test=other, text_pair_column=given),
                "test",
                label_names=["no", "yes"],
                as_in_training=False,
                pairs=pairs,
            )


def test_a_pretrained_tokenizer_keeps_its_own_separator(tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["[PAD]", "[UNK]", "[SEP]", "first", "second", "text", "[", "SEP", "]"]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    own = PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", sep_token="[SEP]", model_max_length=50
    )
    own.save_pretrained(tmp_path / "own")
    rows = [("first text", f"second [SEP] text {i}", "yes" if i % 2 else "no") for i in range(40)]
    data = load_data(source(table(tmp_path / "rows.csv", rows), deduplicate="none"))
    tokenizer = train_tokenizer(PretrainedTokenizer(path=str(tmp_path / "own")), data.splits["train"])
    assert separator_of(tokenizer) == 2
    assert len(tokenizer) == len(words)
    ids = encode_splits(data.splits, tokenizer)["train"].ids[0]
    assert ids[:8] == [3, 5, 2, 4, 6, 7, 8, 5]
    assert np.isin(2, ids)
    assert json.loads((tmp_path / "own" / "tokenizer_config.json").read_text())["sep_token"] == "[SEP]"
