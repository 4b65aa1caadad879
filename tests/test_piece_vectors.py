"""Vectors of pieces of words, with tokenizers that are trained here: against dense algebra, and on real words."""

import gzip
import itertools

import numpy as np
import pandas as pd
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from tests.vector_files import write_vectors
from textlstm.embeddings.glove import GloveEmbedding
from textlstm.embeddings.pieces import POWER, RIDGE, fit_pieces, piece_shares
from textlstm.embeddings.source import coverage
from textlstm.embeddings.vocabulary import Vocabulary

SPECIAL = ["<pad>", "<unk>"]


def trained(kind: str, texts: list[str], size: int, *, lowercase: bool = True) -> Tokenizer:
    """A tokenizer whose first two tokens are special."""
    options = {"vocab_size": size, "special_tokens": SPECIAL, "show_progress": False}
    split: pre_tokenizers.PreTokenizer = pre_tokenizers.Whitespace()
    if kind == "wordpiece":
        tokenizer, trainer = Tokenizer(models.WordPiece(unk_token="<unk>")), trainers.WordPieceTrainer(**options)
    elif kind == "unigram":
        tokenizer, trainer = Tokenizer(models.Unigram()), trainers.UnigramTrainer(unk_token="<unk>", **options)
    else:
        tokenizer = Tokenizer(models.BPE(unk_token=None if kind == "bytes" else "<unk>"))
        alphabet = pre_tokenizers.ByteLevel.alphabet() if kind == "bytes" else []
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, **options)
    if kind == "bytes":
        split, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), *[normalizers.Lowercase()] * lowercase])
    tokenizer.pre_tokenizer = split
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def vocabulary(tokenizer: Tokenizer, before: str = "") -> Vocabulary:
    number = tokenizer.get_vocab()

    def encode(words):
        encodings = tokenizer.encode_batch([before + word for word in words], add_special_tokens=False)
        return [encoding.ids for encoding in encodings]

    return Vocabulary(sorted(number, key=number.__getitem__), frozenset((0, 1)), "pieces", encode)


def by_hand(pieces: dict[str, list[int]], size: int) -> Vocabulary:
    return Vocabulary(
        [*SPECIAL, *(f"p{i}" for i in range(2, size))],
        frozenset((0, 1)),
        "pieces",
        lambda words: [pieces[w] for w in words],
    )


def test_shares_are_those_counted_by_hand():
    words = by_hand({"a": [2], "bc": [2, 3], "bb": [3, 3, 4], "?": [2, 1], "": []}, 6)
    expected = np.zeros((5, 6))
    expected[0, 2], expected[1, 2], expected[1, 3], expected[2, 3], expected[2, 4] = 1, 0.5, 0.5, 2 / 3, 1 / 3
    np.testing.assert_allclose(piece_shares(["a", "bc", "bb", "?", ""], words).toarray(), expected)


def test_vectors_are_those_of_weighted_least_squares(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"w{i}" for i in range(60)]
    pieces = {name: rng.integers(2, 22, rng.integers(1, 5)).tolist() for name in names}
    words = by_hand(pieces, 25)
    vectors = rng.normal(size=(60, 6)).astype(np.float32)
    path = write_vectors(
        tmp_path, "txt", [f"{n} " + " ".join(map(repr, v.tolist())) for n, v in zip(names, vectors, strict=True)]
    )
    table = GloveEmbedding(name="glove", path=path).build(words, [[2]])
    shares = np.zeros((60, 25))
    for row, name in enumerate(names):
        for piece in pieces[name]:
            shares[row, piece] += 1 / len(pieces[name])
    weights = np.arange(1, 61) ** -POWER
    weights /= weights.mean()
    left = shares.T @ (weights[:, None] * shares) + RIDGE * np.eye(25)
    expected = np.linalg.solve(left, shares.T @ (weights[:, None] * vectors))
    covered = shares.any(axis=0)
    assert table.covered.tolist() == covered.tolist()
    assert covered.sum() == 20
    np.testing.assert_allclose(table.vectors[covered], expected[covered], rtol=1e-2, atol=1e-3)
    assert table.vectors[~covered].std() == pytest.approx(table.vectors[covered].std(), rel=0.4)
    assert not table.other_case.any()


def test_words_that_are_one_piece_each_keep_their_direction():
    vectors = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    found = fit_pieces(
        piece_shares(list("abcde"), by_hand(dict(zip("abcde", [[i] for i in range(2, 7)], strict=True)), 7)),
        vectors,
        np.ones(5),
    )
    np.testing.assert_allclose(found[2:], vectors / (1 + RIDGE), rtol=1e-3)


def test_a_file_without_a_word_that_the_pieces_can_write_covers_nothing(tmp_path):
    path = write_vectors(tmp_path, "txt", ["?? 1 2 3", "!! 4 5 6"])
    table = GloveEmbedding(name="glove", path=path).build(by_hand({"??": [1], "!!": []}, 5), [[2]])
    assert not table.covered.any()
    assert np.isfinite(table.vectors).all()
    assert table.vectors.shape == (5, 3)
    assert table.vectors.std() > 0


def test_pieces_of_another_case_are_served_by_words_of_the_file(tmp_path):
    path = write_vectors(tmp_path, "txt", ["paris 1 2 3", "rome 3 2 1"])
    pieces = {"paris": [2], "rome": [3], "Paris": [4], "PARIS": [1], "Rome": [3, 5], "ROME": [1]}
    words = Vocabulary(
        [*SPECIAL, "paris", "rome", "Paris", "E"], frozenset((0, 1)), "pieces", lambda ws: [pieces[w] for w in ws]
    )
    table = GloveEmbedding(name="glove", path=path).build(words, [[2]])
    assert table.covered.tolist() == [False, False, True, True, True, True]
    assert table.other_case.tolist() == [False, False, False, False, True, True]
    cosine = table.vectors[4] @ [1, 2, 3] / np.linalg.norm(table.vectors[4]) / 14**0.5
    assert cosine > 0.99


@pytest.fixture(scope="module")
def real(shared_data, tmp_path_factory):
    """The 20,000 most frequent words of GloVe, a file of nine tenths of them, and texts."""
    with gzip.open(shared_data("glove.6B.100d.top150k.txt.gz"), "rt", encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in itertools.islice(file, 20_000)]
    held = np.random.default_rng(0).random(len(lines)) < 0.1
    path = write_vectors(
        tmp_path_factory.mktemp("real"), "txt", [line for line, out in zip(lines, held, strict=True) if not out]
    )
    texts = list(pd.read_csv(shared_data("trec6/train.csv"))["text"])
    words = [line.split(" ")[0] for line in lines]
    vectors = np.array([line.split(" ")[1:] for line in lines], np.float32)
    return path, texts, words, vectors, held


def cosine(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return (left * right).sum(axis=1) / np.maximum(norms, 1e-9)


@pytest.mark.parametrize(("kind", "before"), [("bpe", ""), ("bytes", " "), ("wordpiece", ""), ("unigram", "")])
def test_real_words_are_rebuilt_from_their_pieces(real, kind, before):
    path, texts, words, vectors, held = real
    tokens = vocabulary(trained(kind, texts, 3000), before)
    table = GloveEmbedding(name="glove", path=path).build(tokens, [[2]])
    ids = tokens.encode(words)
    usable = np.array([bool(pieces) and not {0, 1} & set(pieces) for pieces in ids])
    single = np.array([len(pieces) == 1 for pieces in ids])
    rebuilt = np.array([table.vectors[pieces].mean(axis=0) if pieces else np.zeros(100) for pieces in ids])
    near = cosine(rebuilt, vectors)
    frequent = np.arange(len(words)) < 2000
    assert near[usable & single & ~held & frequent].mean() > 0.85
    assert near[usable & ~single & held].mean() > 0.15
    shuffled = cosine(rebuilt, vectors[np.random.default_rng(1).permutation(len(words))])
    assert near[usable & ~single & held].mean() > shuffled[usable & ~single & held].mean() + 0.05
    seen = {piece for pieces, fine, out in zip(ids, usable, held, strict=True) if fine and not out for piece in pieces}
    assert set(np.flatnonzero(table.covered).tolist()) == seen
    running = coverage(table, (0, 1), tokens.encode([text.lower() for text in texts[:200]]))
    assert running["running_tokens"] > 0.9
