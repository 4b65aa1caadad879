"""A pretrained encoder in the network: states against transformers' own, special tokens, limits, what is trained."""

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoConfig, AutoModel

from tests.encoders import CONFIGS, KINDS, LAYERS, POSITIONS, SIZE, encoder_settings
from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.diagnostics.budget import encoder_operations, operations_per_text
from textlstm.model.encoder import PretrainedEncoder
from textlstm.network import count_parameters

FEATURES = ("last", "mix")
TEXTS = [[5, 6, 7, 8, 9, 6], [10], [11, 12, 29, 14]]


def encoder(kind: str = "bert", features: str = "last", **more) -> PretrainedEncoder:
    torch.manual_seed(0)
    made = PretrainedEncoder(encoder_settings(kind, features, **more)).double()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    return made


def network(kind: str = "bert", features: str = "last", trainable: bool = False, **settings):
    torch.manual_seed(0)
    values = {"vocab_size": 32, "embedding_size": SIZE, "hidden_size": 4, "num_labels": 3} | settings
    given = encoder_settings(kind, features, trainable=trainable)
    return StackedLSTMForSequenceClassification(StackedLSTMConfig(**values, encoder=given))


def batch(texts: list[list[int]], padding: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask, with words where the mask says padding."""
    ids = torch.full((len(texts), max(map(len, texts)) + padding), 5)
    mask = torch.zeros_like(ids, dtype=torch.bool)
    for row, text in enumerate(texts):
        ids[row, : len(text)], mask[row, : len(text)] = torch.tensor(text), True
    return ids, mask


# States


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_each_text_alone_between_its_special_tokens(kind, features):
    made = encoder(kind, features).eval()
    alone = AutoModel.from_config(CONFIGS[kind]).double().eval()
    alone.load_state_dict(made.model.state_dict(), strict=False)
    ids, mask = batch(TEXTS, padding=3)
    found = made(ids, mask)
    for row, text in enumerate(TEXTS):
        states = alone(torch.tensor([[2, *text, 3]]), output_hidden_states=True)
        expected = torch.stack(states.hidden_states, dim=2) if features == "mix" else states.last_hidden_state
        assert torch.allclose(found[row, : len(text)], expected[0, 1:-1], rtol=0, atol=1e-12)
        assert not found[row, len(text) :].any()
    assert found.shape == (3, 9, *((LAYERS + 1, SIZE) if features == "mix" else (SIZE,)))


@pytest.mark.parametrize(("before", "behind"), [([], []), ([2, 4], []), ([], [3]), ([2], [3, 4])])
def test_special_tokens_of_any_number(before, behind):
    made = encoder(before=before, behind=behind).eval()
    ids, mask = batch(TEXTS)
    found = made(ids, mask)
    for row, text in enumerate(TEXTS):
        states = made.model(torch.tensor([[*before, *text, *behind]])).last_hidden_state[0]
        assert torch.allclose(found[row, : len(text)], states[len(before) :][: len(text)], rtol=0, atol=1e-12)


def test_a_mix_is_gamma_times_the_weighted_sum_of_the_layers():
    model = network(features="mix").double().eval()
    ids, mask = batch(TEXTS)
    states = model.embedding.encoder(ids, mask).numpy()
    weights, gamma = np.array([0.5, -1.0, 2.0]), 1.7
    with torch.no_grad():
        assert torch.allclose(model.embedding(ids, mask), torch.from_numpy(states.mean(axis=2)))
        model.embedding.mix.layer_weights.copy_(torch.from_numpy(weights))
        model.embedding.mix.gamma.fill_(gamma)
        found = model.embedding(ids, mask).numpy()
    shares = np.exp(weights) / np.exp(weights).sum()
    expected = gamma * sum(share * states[:, :, layer] for layer, share in enumerate(shares))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_tokens_that_the_encoder_does_not_hold_are_its_unknown_one():
    made = encoder().eval()
    unknown = made(*batch([[5, 4, 7]]))
    for added in (30, 31):
        assert torch.equal(made(*batch([[5, added, 7]])), unknown)
    assert not torch.equal(made(*batch([[5, 29, 7]])), unknown)


@pytest.mark.parametrize("kind", KINDS)
def test_the_longest_text_is_read_and_a_longer_one_is_refused(kind):
    made = encoder(kind).eval()
    assert made.longest == POSITIONS - 2
    words = [5 + number % 20 for number in range(POSITIONS)]
    longest = made(*batch([words[: POSITIONS - 2]]))
    assert longest.isfinite().all()
    # Columns of padding alone are no text.
    padded = made(*batch([words[: POSITIONS - 2]], padding=7))
    assert padded.shape[1] == POSITIONS + 5
    assert torch.allclose(padded[:, : POSITIONS - 2], longest, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match=rf"has {POSITIONS - 1} tokens, and the encoder reads {POSITIONS - 2}"):
        made(*batch([words[: POSITIONS - 1]]))


# What is trained


def test_a_frozen_encoder_has_neither_dropout_nor_gradients():
    model = network(features="mix").train()
    ids, mask = batch(TEXTS)
    first, second = (model(ids, mask, labels=torch.tensor([0, 1, 2])) for _ in range(2))
    assert torch.equal(first.logits, second.logits)
    first.loss.backward()
    trained = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert not any(name.startswith("embedding.encoder.") for name in trained)
    assert {"embedding.mix.layer_weights", "embedding.mix.gamma"} < trained
    assert not model.embedding.encoder.model.training


@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_that_is_fine_tuned_has_both(kind):
    model = network(kind, trainable=True).train()
    ids, mask = batch(TEXTS)
    first, second = (model(ids, mask, labels=torch.tensor([0, 1, 2])) for _ in range(2))
    assert not torch.equal(first.logits, second.logits)
    first.loss.backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())
    assert torch.equal(*(model.eval()(ids, mask).logits for _ in range(2)))


@pytest.mark.parametrize("trainable", [False, True], ids=["frozen", "trained"])
def test_word_dropout_makes_vectors_zero_but_never_all_of_a_text(trainable):
    model = network(trainable=trainable, word_dropout=0.6)
    ids, mask = batch([[5, 6, 7, 8]] * 400 + [[9]])
    whole = model.eval().embedding(ids, mask)
    if trainable:
        model.embedding.encoder.trainable = False  # whose own dropout would hide what is zero
    torch.manual_seed(1)
    dropped = model.train().embedding(ids, mask)
    zero = ~dropped.any(dim=2)
    assert torch.equal(dropped[~zero], whole[~zero])
    assert 0.5 < zero[:400].float().mean() < 0.65
    assert not zero.all(dim=1).any()


def test_states_computed_beforehand_take_the_place_of_the_encoder():
    ids, mask = batch(TEXTS)
    for features in FEATURES:
        model = network(features=features).eval()
        expected = model(ids, mask).logits
        states = model.embedding.encoder(ids, mask)
        model.embedding.encoder.model.forward = None  # it must not run
        assert torch.equal(model(ids, mask, features=states).logits, expected)
    plain = StackedLSTMForSequenceClassification(StackedLSTMConfig(vocab_size=32, embedding_size=SIZE, num_labels=3))
    with pytest.raises(ValueError, match="this network has none"):
        plain(ids, mask, features=states)


# Configuration and files


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_gives_the_same_bits(kind, features, tmp_path):
    model = network(kind, features).eval()
    ids, mask = batch(TEXTS)
    model.save_pretrained(tmp_path)
    again = StackedLSTMForSequenceClassification.from_pretrained(tmp_path).eval()
    assert torch.equal(again(ids, mask).logits, model(ids, mask).logits)
    assert again.config.encoder == model.config.encoder
    # Loading makes new parameters; that the encoder is frozen is a matter of its forward pass.
    again.train()(ids, mask, labels=torch.tensor([0, 1, 2])).loss.backward()
    assert all(weight.grad is None for weight in again.embedding.encoder.parameters())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"features": "table"}, "encoder.features"),
        ({"config": {}}, "takes the keys"),
        ({"more": 1}, "takes the keys"),
    ],
)
def test_what_describes_no_encoder_is_refused(changed, says):
    with pytest.raises(ValueError, match=says):
        StackedLSTMConfig(embedding_size=SIZE, num_labels=3, encoder=encoder_settings() | changed)


def test_another_width_than_the_encoders_is_refused():
    with pytest.raises(ValueError, match=rf"embedding_size=9 is not the encoder's {SIZE}"):
        network(embedding_size=9)


# Size and operations


@pytest.mark.parametrize("kind", KINDS)
def test_operations_are_those_of_torchs_counter(kind):
    model = network(kind, layers=1, pooling="mean").eval()
    ids, mask = torch.randint(5, 29, (1, 12)), torch.ones(1, 12, dtype=torch.bool)
    plain = AutoConfig.for_model(**encoder_settings(kind)["config"])
    plain._attn_implementation = "eager"
    eager = AutoModel.from_config(plain).eval()
    with FlopCounterMode(display=False) as counter:
        eager(torch.cat([torch.tensor([[2]]), ids, torch.tensor([[3]])], dim=1))
    pooler = getattr(eager, "pooler", None)
    read = 0 if pooler is None else 2 * SIZE * SIZE
    assert encoder_operations(model, 12) == counter.get_total_flops() - read
    alone = StackedLSTMForSequenceClassification(
        StackedLSTMConfig(vocab_size=32, embedding_size=SIZE, hidden_size=4, num_labels=3, pooling="mean")
    )
    assert operations_per_text(model, 12) == operations_per_text(alone, 12) + encoder_operations(model, 12)
    assert encoder_operations(alone, 12) == 0
    assert mask.all()


def test_the_encoders_parameters_have_a_part_of_their_own():
    model = network(features="mix")
    counts = count_parameters(model)
    own = sum(weight.numel() for weight in model.embedding.encoder.parameters())
    assert next(iter(counts)) == "encoder"
    assert (counts["encoder"], counts["embedding"]) == (own, LAYERS + 2)
    assert sum(counts.values()) == sum(weight.numel() for weight in model.parameters())
