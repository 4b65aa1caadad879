"""States computed once: what is in the file, when it is made again, and that a network reads them as its encoder's own."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.encoders import LAYERS, SIZE, encoder_settings
from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification, features
from textlstm.data.batches import Collator, EncodedTexts
from textlstm.diagnostics.encoder_baseline import encoder_baseline
from textlstm.features import encoder_digest, pooled, with_features
from textlstm.model.encoder import PretrainedEncoder
from textlstm.training.scores import predict_logits

KINDS = pytest.mark.parametrize("kind", ["last", "mix"])


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr("textlstm.features.cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "cache"


def encoder(kind: str = "last", seed: int = 0, **more) -> PretrainedEncoder:
    torch.manual_seed(seed)
    return PretrainedEncoder(encoder_settings(features=kind, **more))


def texts(number: int = 50, max_length: int = 9, seed: int = 0) -> EncodedTexts:
    draw = np.random.default_rng(seed)
    whole = [draw.integers(5, 30, draw.integers(1, 14)).tolist() for _ in range(number)]
    return EncodedTexts(whole, draw.integers(0, 3, number), max_length, from_end=2)


def computed(split: EncodedTexts, made: PretrainedEncoder) -> EncodedTexts:
    return with_features({"train": split}, made)["train"]


def files(cache: Path) -> list[Path]:
    return sorted(cache.glob("features-*.npy"))


@KINDS
def test_every_text_has_the_states_of_its_own_tokens(cache, kind):
    made, split = encoder(kind), texts()
    found = computed(split, made)
    for index, ids in enumerate(split.ids):
        expected = made(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool))[0].numpy()
        assert found.features[index].shape == (len(ids), *((LAYERS + 1, SIZE) if kind == "mix" else (SIZE,)))
        np.testing.assert_allclose(found.features[index], expected, rtol=1e-3, atol=1e-3)
    assert found.features[0].dtype == np.float16
    assert found.ids == split.ids


@KINDS
def test_a_network_reads_them_as_its_encoders_own(cache, kind):
    torch.manual_seed(0)
    config = StackedLSTMConfig(
        vocab_size=32, embedding_size=SIZE, hidden_size=4, num_labels=3, encoder=encoder_settings(features=kind)
    )
    model = StackedLSTMForSequenceClassification(config).eval()
    split = texts()
    kept = predict_logits(model, computed(split, model.embedding.encoder))
    running = predict_logits(model, split)
    assert not np.array_equal(kept, running)  # float16 rounds
    np.testing.assert_allclose(kept, running, rtol=0, atol=2e-3)


def test_what_is_there_is_not_computed_again(cache, monkeypatch):
    said: list[str] = []
    made, split = encoder(), texts()
    first = with_features({"train": split}, made, said.append)["train"]
    assert len(said) == 1
    assert "50 train" in said[0]
    monkeypatch.setattr(features, "fill", None)
    second = with_features({"train": split, "validation": split}, encoder(), said.append)
    assert len(said) == 1
    for found in second.values():
        assert all(np.array_equal(found.features[index], first.features[index]) for index in range(50))
    assert len(files(cache)) == 1
    assert not [path for path in cache.iterdir() if path.name.startswith(".features")]


@pytest.mark.parametrize(
    "other",
    [
        (encoder(seed=1), texts()),
        (encoder("mix"), texts()),
        (encoder(behind=[3, 3]), texts()),
        (encoder(), texts(seed=1)),
        (encoder(), texts(max_length=8)),
    ],
    ids=["weights", "layers", "special tokens", "ids", "cut"],
)
def test_whatever_changes_makes_another_file(cache, other):
    computed(texts(), encoder())
    computed(other[1], other[0])
    assert len(files(cache)) == 2


@pytest.mark.parametrize("left", [0, 50, 2000])
def test_half_a_file_is_made_anew(cache, left):
    first = computed(texts(), encoder())
    (path,) = files(cache)
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    second = computed(texts(), encoder())
    assert path.read_bytes() == whole
    assert np.array_equal(second.features[3], first.features[3])


def test_without_a_place_to_write_they_stay_in_memory(cache, tmp_path, monkeypatch):
    expected = computed(texts(), encoder())
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("textlstm.features.cache_folder", lambda: tmp_path / "file" / "cache")
    found = computed(texts(), encoder())
    assert all(np.array_equal(found.features[index], expected.features[index]) for index in range(50))


def test_with_a_full_disk_they_stay_in_memory(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    found = computed(texts(), encoder())
    assert isinstance(found.features.values, np.ndarray)
    assert [path.name for path in cache.iterdir()] == ["features.lock"]


def test_an_interrupted_computation_leaves_nothing(cache, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(features, "fill", stop)
    with pytest.raises(KeyboardInterrupt):
        computed(texts(), encoder())
    assert [path.name for path in cache.iterdir()] == ["features.lock"]


def test_subsets_and_pickles_share_the_file(cache):
    found = computed(texts(), encoder())
    part = found.subset(np.array([7, 3])).subset(np.array([1, 0]))
    assert np.array_equal(part.features[0], found.features[3])
    pickled = pickle.dumps(found.features)
    assert len(pickled) < 2000
    assert np.array_equal(pickle.loads(pickled)[5], found.features[5])


@KINDS
def test_a_batch_holds_them_padded_with_zeros(cache, kind):
    found = computed(texts(), encoder(kind))
    batch = Collator(0)([found[index] for index in range(6)])
    assert batch["features"].dtype == torch.float32
    for row in range(6):
        length = found.lengths[row]
        assert np.array_equal(batch["features"][row, :length].numpy(), found.features[row].astype(np.float32))
        assert not batch["features"][row, length:].any()
    assert "features" not in Collator(0)([texts()[0]])


def test_a_checkpoints_encoder_finds_the_file_of_the_folder(cache, tmp_path):
    config = StackedLSTMConfig(vocab_size=32, embedding_size=SIZE, num_labels=3, encoder=encoder_settings())
    model = StackedLSTMForSequenceClassification(config)
    model.save_pretrained(tmp_path / "model")
    again = StackedLSTMForSequenceClassification.from_pretrained(tmp_path / "model")
    assert encoder_digest(again.embedding.encoder) == encoder_digest(model.embedding.encoder)


def test_a_setting_that_no_weight_shows_makes_another_file():
    settings = encoder_settings()
    other = settings | {"config": settings["config"] | {"layer_norm_eps": 0.1}}
    weights = PretrainedEncoder(settings)
    changed = PretrainedEncoder(other)
    changed.load_state_dict(weights.state_dict())
    assert encoder_digest(changed) != encoder_digest(weights)


@KINDS
def test_mean_vectors_are_those_of_the_last_layer(cache, kind):
    found = computed(texts(), encoder(kind))
    rows = [found.features[index].astype(np.float64) for index in range(50)]
    expected = [(row[:, -1] if kind == "mix" else row).mean(axis=0) for row in rows]
    np.testing.assert_allclose(pooled(found), expected, rtol=1e-5, atol=1e-6)


def test_the_baseline_on_vectors_separates_what_a_line_separates():
    draw = np.random.default_rng(0)
    labels = {name: np.arange(90) % 3 for name in ("train", "validation", "test")}
    centres = draw.normal(0, 4, (3, 10))
    vectors = {name: centres[rows] + draw.normal(0, 0.5, (90, 10)) for name, rows in labels.items()}
    found = encoder_baseline(vectors, labels)
    assert found["test"]["accuracy"] == found["validation"]["macro_f1"] == 1
    assert found["features"] == 10
    shuffled = encoder_baseline(vectors, labels | {"train": draw.permutation(labels["train"])})
    assert shuffled["test"]["accuracy"] < 0.7
