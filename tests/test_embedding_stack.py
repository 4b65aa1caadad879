"""Sources side by side: columns, coverage, words, settings that cannot act, and what reaches the network."""

from pathlib import Path

import numpy as np
import pytest

from tests.vector_files import write_vectors
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.door.names import Names
from textlstm.door.resume import compose_plain
from textlstm.door.settings import check_train
from textlstm.embeddings.corpus import CorpusEmbedding
from textlstm.embeddings.glove import GloveEmbedding
from textlstm.embeddings.stack import StackEmbedding
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError
from textlstm.network import build_network

CONF = Path(__file__).resolve().parents[1] / "conf"
TOKENS = Vocabulary(["<pad>", "<unk>", "film", "THE", "unseen", "good"])
TRAIN = [[2, 3, 5, 2], [5, 3], [2, 5, 3, 3]]


def stack(*overrides: str) -> StackEmbedding:
    source = check_train(compose_plain(CONF, "config", ["embedding=stack", *overrides])).embedding
    assert isinstance(source, StackEmbedding)
    return source


def test_columns_are_those_of_the_parts_in_order_with_their_own_scale(tmp_path):
    path = write_vectors(tmp_path, "txt")
    glove = GloveEmbedding(name="glove", path=path).build(TOKENS, TRAIN)
    corpus = CorpusEmbedding(name="corpus", embedding_size=4, scale=0.1).build(TOKENS, TRAIN)
    settings = (f"embedding.glove.path={path}", "embedding.corpus.embedding_size=4", "embedding.corpus.scale=0.1")
    for parts, expected in (("corpus,glove", [corpus, glove]), ("glove,corpus", [glove, corpus])):
        table = stack(f"embedding.parts=[{parts}]", *settings).build(TOKENS, TRAIN)
        assert table.size == 7
        np.testing.assert_array_equal(table.vectors, np.hstack([part.vectors for part in expected]))
        # `film` both know, `THE` the file in another case and the corpus as it is, `good` the corpus alone.
        assert table.covered.tolist() == [False, False, True, True, False, True]
        assert not table.other_case.any()


def test_another_case_counts_where_no_part_knows_the_word_as_written(tmp_path):
    path = write_vectors(tmp_path, "txt")
    table = stack(f"embedding.glove.path={path}", "embedding.parts=[glove,random]").build(TOKENS, TRAIN)
    assert table.covered.tolist() == [False, False, True, True, False, False]
    assert table.other_case.tolist() == [False, False, False, True, False, False]


def test_words_are_those_of_all_parts_and_the_first_of_each_join(tmp_path):
    (tmp_path / "w").mkdir()
    first = write_vectors(tmp_path, "txt")
    second = write_vectors(tmp_path / "w", "txt", ["the 1 2", "of 3 4", "film 5 6", "rare 7 8"])
    source = stack(
        "embedding.parts=[glove,word2vec]",
        *(f"embedding.glove.path={first}", "embedding.glove.extra_words=1"),
        *(f"embedding.word2vec.path={second}", "embedding.word2vec.extra_words=2"),
    )
    known, always = source.words()
    assert (known[:always], always) == (["the", "of"], 2)
    assert set(known) == {"the", ". .", "new york", "café", "film", "of", "rare"}
    assert len(known) == len(set(known))


def test_a_part_without_vectors_is_left_to_the_network(tmp_path):
    path = write_vectors(tmp_path, "txt")
    source = stack(
        f"embedding.glove.path={path}", "embedding.parts=[glove,random]", "embedding.random.embedding_size=40"
    )
    tokenizer = WordsTokenizer(minimum_count=1).train(["the film was good"])
    tokens = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    table = source.build(Vocabulary(tokens), [[2, 3]])
    assert np.isnan(table.vectors[:, 3:]).all()
    weights = []
    for seed in (0, 1):
        model = build_network(
            {"layers": 1, "hidden_size": 4}, tokenizer, table, trainable=True, label_names=["a", "b"], seed=seed
        )
        weights.append(model.embedding.table.weight.detach().numpy())
        assert not weights[-1][0].any()
        np.testing.assert_array_equal(weights[-1][1:, :3], table.vectors[1:, :3])
        other = build_network(
            {"layers": 1, "hidden_size": 4},
            tokenizer,
            type(table)(43),
            trainable=True,
            label_names=["a", "b"],
            seed=seed,
        )
        np.testing.assert_array_equal(weights[-1][:, 3:], other.embedding.table.weight.detach().numpy()[:, 3:])
    assert (weights[0][1:, 3:] != weights[1][1:, 3:]).all()


REFUSED = {
    "embedding.parts=[glove]": "at least two",
    "embedding.parts=[]": "at least two",
    "embedding.parts=[glove,glove]": "names a source twice",
    "embedding.parts=[glove,stack]": "'stack' is not allowed.*'fasttext'",
    "embedding.fasttext.path=x.bin": "embedding.fasttext.path has no effect: fasttext is not among",
    "embedding.random.embedding_size=3": "embedding.random.embedding_size has no effect",
    "embedding.corpus.window=0": "embedding.corpus.window=0 is not allowed",
}


@pytest.mark.parametrize("override", REFUSED)
def test_settings_that_cannot_act_are_refused(override):
    with pytest.raises(UserError, match=REFUSED[override]):
        stack(override)


def test_a_missing_file_is_named_by_its_part():
    with pytest.raises(UserError, match=r"embedding=glove needs a file of vectors.\n.*embedding\.glove\.path=FILE"):
        stack().words()
    with pytest.raises(UserError, match=r"embedding\.glove\.path=nowhere\.txt is not a file"):
        stack("embedding.glove.path=nowhere.txt").words()


def test_names_of_the_command_line_reach_into_the_parts():
    names = Names(CONF, "config", {"embedding": "stack"})
    names.check("embedding.glove.path", "x")
    names.check("embedding.trainable", "false")
    for wrong, near in (("embedding.glove.pth", "embedding.glove.path"), ("embedding.glove.trainable", "trainable")):
        with pytest.raises(UserError, match=near):
            names.check(wrong, "x")
