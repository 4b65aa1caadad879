"""`embedding=transformer` at the command line: a run, its checkpoint, a study, and what is refused."""

import json
import random
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from tests.commands.test_resume import interrupt_at, weights
from tests.commands.test_travel import STRANGER
from tests.encoders import SIZE, make_folder
from textlstm.data.batches import EncodedTexts, tokenize
from textlstm.network import load_checkpoint
from textlstm.predict import predict


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_folder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def encoder(desk, folder, monkeypatch):
    """`encoder(...)`: the overrides of a quick run with the tiny encoder, whose states are kept at the desk."""
    monkeypatch.setattr("textlstm.features.cache_folder", lambda: desk.place / "cache")

    def overrides(*more: str) -> list[str]:
        quick = [o for o in desk.quick() if not o.startswith(("embedding", "tokenizer"))]
        own = ["embedding=transformer", f"embedding.path={folder}", "tokenizer=pretrained", f"tokenizer.path={folder}"]
        return [*quick, *own, "tokenizer.max_length=22", *more]

    return overrides


def kept(desk) -> set[str]:
    return {path.name for path in (desk.place / "cache").glob("features-*.npy")}


@pytest.mark.usefixtures("pages")
def test_a_run_its_report_and_its_checkpoint(desk, encoder):
    done = desk.run("train", *encoder("baseline=linear"))
    assert done.code == 0, done.err
    assert "computed once" in done.out
    assert "encoder baseline, test" in done.out
    report = desk.report(done.folder)
    assert report["baseline"]["encoder"]["features"] == SIZE
    assert set(report["baseline"]["encoder"]["test"]) == {"accuracy", "macro_f1"}
    assert report["model"]["parameters_by_part"]["encoder"] > 1000
    page = (done.folder / "report.html").read_text()
    assert "Encoder baseline" in page
    assert "The encoder baseline does" in page
    # Scored again: the same digits, from the same files; and from none.
    assert len(kept(desk)) == 3
    assert "Reproduced" in desk.evaluate(done.folder).out
    for name in kept(desk):
        (desk.place / "cache" / name).unlink()
    assert "Reproduced" in desk.evaluate(done.folder).out
    assert len(kept(desk)) == 1


@pytest.mark.parametrize("features", ["last", "mix"])
def test_the_checkpoint_is_whole(desk, encoder, features, monkeypatch):
    done = desk.run("train", *encoder(f"embedding.features={features}", "training.epochs=1"))
    assert done.code == 0, done.err
    monkeypatch.setattr("textlstm.embeddings.transformer.load_encoder", None)
    model, tokenizer = load_checkpoint(done.folder / "model")
    ids = tokenize(["goal team 12 bread"], tokenizer)
    expected = model(torch.tensor(ids)).logits.softmax(dim=-1)[0].tolist()
    predicted = desk.run("predict", str(done.folder), "goal team 12 bread")
    assert predicted.code == 0, predicted.err
    found = json.loads(predicted.out)["probabilities"]
    assert [found[name] for name in model.config.id2label.values()] == pytest.approx(expected, abs=1e-5)
    refused = desk.run("export", str(done.folder), "--format", "onnx")
    desk.assert_refused(refused, ["pretrained encoder", "embedding.features=table"], desk.place / done.folder)
    assert not (done.folder / "onnx").exists()


@pytest.mark.slow
def test_it_loads_where_there_is_neither_textlstm_nor_the_encoders_folder(desk, folder, monkeypatch):
    monkeypatch.setattr("textlstm.features.cache_folder", lambda: desk.place / "cache")
    place = Path(shutil.copytree(folder, desk.place / "encoder"))
    own = ["embedding=transformer", f"embedding.path={place}", "tokenizer=pretrained", f"tokenizer.path={place}"]
    quick = [given for given in desk.quick() if not given.startswith(("embedding", "tokenizer"))]
    done = desk.run("train", *quick, *own, "tokenizer.max_length=22", "embedding.features=mix", "training.epochs=1")
    assert done.code == 0, done.err
    model = Path(shutil.move(done.folder / "model", desk.place / "elsewhere"))
    shutil.rmtree(place)
    texts = ["goal team 12", "bread", "phone"]
    variables = {"HF_MODULES_CACHE": str(desk.place / "modules"), "PYTHONPATH": ""}
    told = desk.python("-c", STRANGER, str(model), json.dumps(texts), cwd=desk.place, **variables)
    assert told.code == 0, told.err
    network, tokenizer = load_checkpoint(model)
    for text, entries in zip(texts, json.loads(told.out.splitlines()[-1]), strict=True):
        expected = network(torch.tensor(tokenize([text], tokenizer))).logits[0].tolist()
        found = {entry["label"]: entry["score"] for entry in entries}
        assert [found[name] for name in network.config.id2label.values()] == pytest.approx(expected, abs=1e-5)


def test_a_table_is_saved_alone_and_exports(desk, encoder):
    done = desk.run("train", *encoder("embedding.features=table", "training.epochs=1"))
    assert done.code == 0, done.err
    model, _ = load_checkpoint(done.folder / "model")
    assert model.config.encoder is None
    assert not [name for name in model.state_dict() if "encoder" in name]
    assert not kept(desk)
    assert "encoder" not in desk.report(done.folder)["baseline"]
    exported = desk.run("export", str(done.folder), "--format", "onnx")
    assert exported.code == 0, exported.err


def test_fine_tuning_moves_the_encoder_in_its_own_steps(desk, encoder, folder):
    weights = {}
    for rate in (2e-5, 1e-3):
        done = desk.run("train", *encoder("embedding.trainable=true", f"training.encoder_learning_rate={rate}"))
        assert done.code == 0, done.err
        model, tokenizer = load_checkpoint(done.folder / "model")
        weights[rate] = model.embedding.encoder.model.state_dict()
        assert not kept(desk), "what changes cannot be kept"
        assert "Reproduced" in desk.evaluate(done.folder).out
    from textlstm.embeddings.transformer import load_encoder

    first = load_encoder(str(folder)).state_dict()
    name = "encoder.layer.0.attention.self.query.weight"
    moved = {rate: (state[name] - first[name]).abs().max().item() for rate, state in weights.items()}
    assert 0 < moved[2e-5] < 30 * 2e-5 < moved[1e-3] < 30e-3
    assert isinstance(EncodedTexts(tokenize(["a"], tokenizer), torch.zeros(1).numpy(), 3).features, type(None))


@pytest.mark.parametrize("trainable", ["true", "false"])
def test_mixed_precision(desk, encoder, trainable):
    given = [
        "training.precision=bf16",
        "embedding.features=mix",
        f"embedding.trainable={trainable}",
        "training.epochs=1",
    ]
    done = desk.run("train", *encoder(*given))
    assert done.code == 0, done.err
    report = desk.report(done.folder)
    assert report["training"]["precision"] == "bf16"
    assert 0 < report["splits"]["test"]["loss"] < 3
    assert "Reproduced" in desk.evaluate(done.folder).out


def test_the_runs_of_a_study_share_the_states(desk, encoder):
    done = desk.run(
        "train", *encoder("-m", "model.layers=1,2", "seed=0,1", "study.workers=0", "study=s", "training.epochs=1")
    )
    assert done.code == 0, done.err
    assert done.out.count("train texts are computed once") == 1
    assert len(kept(desk)) == 3
    assert len(desk.finished_runs()) == 4


PAIRS = {
    "frozen, from the beginning": ("embedding.features=last", "tokenizer.truncation=head", "tokenizer.max_length=5"),
    "frozen mix, from the end": ("embedding.features=mix", "tokenizer.truncation=tail", "tokenizer.max_length=6"),
    "fine-tuned, both ends": ("embedding.trainable=true", "tokenizer.truncation=head_tail", "tokenizer.max_length=8"),
    "table": ("embedding.features=table", "tokenizer.truncation=head", "tokenizer.max_length=22"),
}


@pytest.mark.parametrize("case", PAIRS)
def test_pairs_have_the_same_scores_in_every_command(desk, encoder, case):
    draw = random.Random(0)
    words = "goal team match player bread soup cheese apple phone chip".split()
    rows = [
        (" ".join(draw.choices(words, k=draw.randint(1, 6))), " ".join(draw.choices(words, k=3))) for _ in range(70)
    ]
    rows = [(*texts, "same" if texts[0][0] == texts[1][0] else "other") for texts in dict.fromkeys(rows)]
    train, test = (
        desk.csv(f"{name}.csv", part, ("text", "second", "label"))
        for name, part in (("a", rows[:50]), ("b", rows[50:]))
    )
    given = [f"dataset.train={train}", f"dataset.test={test}", "dataset.text_pair_column=second", "training.epochs=1"]
    done = desk.run("train", *encoder(*given, *PAIRS[case]))
    assert done.code == 0, done.err
    assert "Reproduced" in desk.evaluate(done.folder).out
    # Those of kept states, and those of the checkpoint, which has only the texts.
    stored = pd.read_parquet(done.folder / "predictions.parquet")["probabilities"]
    names = desk.report(done.folder)["labels"]
    found = predict(str(done.folder), [row[:2] for row in rows[50:]])
    for shares, chances in zip(stored, found, strict=True):
        assert [chances[name] for name in names] == pytest.approx(
            list(shares), abs=2e-3 if case.startswith("frozen") else 1e-5
        )


@pytest.mark.parametrize("trainable", ["true", "false"])
def test_a_stopped_run_goes_on_to_the_same_bits(desk, encoder, monkeypatch, trainable):
    given = encoder(f"embedding.trainable={trainable}", "model.dropout=0.3", "training.epochs=2")
    whole = desk.run("train", *given)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 9)
        stopped = desk.run("train", *given)
    assert stopped.code == 130
    resumed = desk.run("train", f"resume={stopped.folder}")
    assert resumed.code == 0, resumed.err
    assert weights(stopped.folder) == weights(whole.folder)
    assert desk.report(stopped.folder)["splits"] == desk.report(whole.folder)["splits"]


def test_several_labels_have_an_encoder_too(desk, encoder):
    rows = [
        json.dumps({"text": text, "label": [label, "long"][: 1 + len(text.split()) // 6]})
        for text, label in desk.rows()
    ]
    given = [f"dataset.train={desk.write('sets.jsonl', chr(10).join(rows))}", "training.epochs=1"]
    done = desk.run("train", *encoder(*given))
    assert done.code == 0, done.err
    assert "Reproduced" in desk.evaluate(done.folder).out
    assert "labels" in json.loads(desk.run("predict", str(done.folder), "goal team").out)


def test_explain_names_the_encoder_and_runs_it_not(desk, encoder):
    done = desk.run("train", *encoder("explain=true"))
    assert done.code == 0, done.err
    assert f"bert, 2 layers of {SIZE}, the states of its last layer; frozen" in done.line("encoder")
    assert done.line("parameters").startswith("encoder ")
    assert not kept(desk)


def test_matching_the_whole_network_counts_the_encoder(desk, encoder):
    whole = ["model.match=parameters", "model.match_to.part=network", "explain=true", "model.hidden_size=32"]
    sizes = []
    for layers in (1, 2):
        done = desk.run("train", *encoder(f"model.layers={layers}", *whole))
        assert done.code == 0, done.err
        sizes.append(int(done.line("parameters").split("; ")[1].split()[0].replace(",", "")))
    # Close to each other only if the encoder is in both.
    assert sizes[1] == pytest.approx(sizes[0], rel=0.02)
    assert f"{abs(sizes[1] / sizes[0] - 1):.1%}" in done.line("matched")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["tokenizer.path=elsewhere"], ["that of elsewhere", "tokenizer.path="]),
        (["tokenizer.add_special_tokens=true"], ["add_special_tokens=true has no effect"]),
        (
            ["embedding.trainable=true", "training.embedding_learning_rate=1e-4"],
            ["embedding_learning_rate has no effect", "training.encoder_learning_rate"],
        ),
        (["training.encoder_learning_rate=1e-4"], ["encoder_learning_rate has no effect", "embedding.trainable=true"]),
        (
            ["embedding.features=table", "embedding.trainable=true", "training.encoder_learning_rate=1e-4"],
            ["encoder_learning_rate has no effect", "features=last or mix"],
        ),
        (["training.decay_embeddings=true"], ["embedding.trainable=false"]),
        (["tokenizer.max_length=400"], ["tokenizer.max_length=400", "tokenizer.max_length=22"]),
        (["embedding.features=first"], ["embedding.features='first'"]),
        (["embedding.path=null"], ["needs an encoder"]),
        (["embedding.path=./none", "tokenizer.path=./none"], ["./none is not a folder"]),
    ],
    ids=lambda value: " ".join(value) if "=" in value[0] else "",
)
def test_what_cannot_act_is_refused(desk, encoder, given, says):
    desk.assert_refused(desk.run("train", *encoder(*given)), says)


def test_another_kind_of_tokenizer_is_refused(desk, encoder, folder):
    own = [given for given in encoder() if not given.startswith("tokenizer")]
    says = ["tokenizer=words", f"tokenizer=pretrained tokenizer.path={folder}"]
    desk.assert_refused(desk.run("train", *own), says)
