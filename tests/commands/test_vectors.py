"""Files of vectors on the command line: what training leaves of them, and that a saved model needs none."""

from typing import Any

import numpy as np
import pytest

from tests.commands.test_train import vectors
from textlstm.network import load_checkpoint


def train(desk: Any, *overrides: str) -> Any:
    quick = [override for override in desk.quick() if not override.startswith("embedding")]
    outcome = desk.run("train", *quick, *overrides)
    assert outcome.code == 0, outcome.err
    return outcome


def table_of(desk: Any, folder: Any) -> dict[str, np.ndarray]:
    vocabulary = desk.json(folder / "model" / "tokenizer.json")["model"]["vocab"]
    table = load_checkpoint(folder / "model")[0].get_input_embeddings().weight.detach().numpy()
    return {word: table[row] for word, row in vocabulary.items()}


@pytest.mark.parametrize("decay", [False, True])
def test_rows_that_no_text_holds_stay_or_shrink_with_decay_alone(desk, decay):
    text = vectors(["unheard", "goal", "team", "phone"])
    desk.write("v.txt", text)
    more = ["training.decay_embeddings=true", "training.weight_decay=0.5"] if decay else ["training.weight_decay=0.5"]
    found = table_of(desk, train(desk, "embedding=glove", "embedding.path=v.txt", *more).folder)
    first = {line.split()[0]: np.array(line.split()[1:], np.float32) for line in text.splitlines()}
    assert not np.allclose(found["goal"], first["goal"], atol=1e-4)
    factors = found["unheard"] / first["unheard"]
    if decay:
        np.testing.assert_allclose(factors, factors[0], rtol=1e-4)
        assert 0.5 < factors[0] < 0.9999
    else:
        np.testing.assert_array_equal(found["unheard"], first["unheard"])


def test_a_saved_model_needs_no_file_of_vectors(desk):
    path = desk.write("v.txt", vectors(["goal", "team", "phone"]))
    folder = train(desk, "embedding=glove", "embedding.path=v.txt").folder
    before = desk.run("predict", str(folder), "goal team").out
    path.rename(path.with_name("elsewhere.txt"))
    assert desk.run("predict", str(folder), "goal team").out == before
    assert "Reproduced" in desk.evaluate(folder).out


def test_a_stack_is_trained_and_its_report_says_what_was_found(desk):
    desk.write("v.txt", vectors(["Goal", "team", "phone"]))
    outcome = train(
        desk,
        "embedding=stack",
        "embedding.parts=[glove,random]",
        "embedding.glove.path=v.txt",
        "embedding.random.embedding_size=3",
    )
    assert desk.json(outcome.folder / "model" / "config.json")["embedding_size"] == 8
    assert desk.report(outcome.folder)["data"]["coverage"]["other_case"] == 1
    assert "1 rows in another case" in outcome.line("vectors")


def test_words_of_a_cased_file_join_a_lower_case_vocabulary_in_lower_case(desk):
    desk.write("v.txt", vectors(["Paris", "paris", "NATO", "goal"]))
    outcome = train(desk, "embedding=word2vec", "embedding.path=v.txt", "embedding.extra_words=3")
    words = table_of(desk, outcome.folder)
    assert {"paris", "nato"} <= words.keys()
    assert not {"Paris", "NATO"} & words.keys()


def test_other_files_are_refused_in_words(desk):
    quick = [override for override in desk.quick() if not override.startswith("embedding")]
    desk.write("cut.bin", b"3 4\na " + bytes(16) + b"\nb " + b"\xff" * 7)
    for overrides, says in {
        "embedding=word2vec": ["embedding.path=FILE"],
        "embedding=fasttext embedding.path=cut.bin": ["cut.bin", "binary"],
        "embedding=word2vec embedding.path=cut.bin": ["cut.bin", "row 2 of 3"],
        "embedding=stack": ["embedding.glove.path=FILE"],
        "embedding=stack embedding.parts=[glove]": ["at least two"],
        "embedding=stack embedding.glove.trainable=false": ["embedding.trainable"],
    }.items():
        desk.assert_refused(desk.run("train", *quick, *overrides.split()), says)
