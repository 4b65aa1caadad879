"""The contract's rows with an encoder's states for token vectors: each setting acts as on a table's, and padding on nothing."""

from typing import Any

import pytest
import torch

from tests.contract.networks import copy_weights, equal, network, run, same, texts
from tests.contract.table import TABLE, TOGETHER, UNBOUNDED, Row
from tests.encoders import SIZE, encoder_settings

pytestmark = UNBOUNDED

VECTORS = [row for row in TABLE if row.place == "vectors"]
ROWS = pytest.mark.parametrize("row", [*VECTORS, TABLE[1], *TOGETHER], ids=str)
FEATURES = pytest.mark.parametrize("features", ["last", "mix"])


def encoded(features: str, **settings: Any) -> Any:
    layers = {"layers": 3} | settings
    return network(embedding_size=SIZE, encoder=encoder_settings(features=features), **layers)


def pair(row: Row, features: str) -> tuple[Any, Any]:
    plain, model = encoded(features), encoded(features, **row.values)
    copy_weights(plain, model)
    return plain, model


@FEATURES
@pytest.mark.parametrize("row", VECTORS, ids=str)
def test_a_setting_of_vectors_acts_on_them_in_training_alone(row, features):
    plain, model = pair(row, features)
    for training in (False, True):
        ours, clean = run(model, texts(), training), run(plain, texts(), training)
        assert same(ours.hidden_states[0], clean.hidden_states[0]) != training
        assert same(ours.logits, clean.logits) != training
    off = encoded(features, **dict.fromkeys(row.rates, 0))
    assert equal(run(off, texts(), training=True), run(plain, texts(), training=True))


@FEATURES
@ROWS
def test_more_padding_and_another_order_change_no_logit(row, features):
    _, model = pair(row, features)
    padded, mask = texts(padding=9), texts(padding=9) > 0
    padded[~mask] = 3
    before = run(model, texts(), training=False)
    after = run(model, padded, False, mask)
    assert same(after.logits, before.logits)
    assert same(run(model, padded.flip(0), False, mask.flip(0)).logits.flip(0), before.logits)
    assert same(run(model, texts()[2:3, :1], False).logits, before.logits[2:3])


@FEATURES
@ROWS
def test_states_computed_beforehand_are_the_same_network(row, features):
    _, model = pair(row, features)
    ids = texts()
    states = model.embedding.encoder(ids, ids > 0)
    for training in (False, True):
        running = run(model, ids, training).logits
        torch.default_generator.manual_seed(1)
        assert torch.equal(model.train(training)(ids, features=states).logits, running)
