"""Another tokenizer and another cut, from training to prediction, evaluation and export."""

import json

import pytest
import yaml

from textlstm.data.batches import tokenize
from textlstm.network import load_checkpoint
from textlstm.predict import predict
from textlstm.use.checkpoint import load_classifier

TEXT = "goal goal goal team 😀 日本 phone laser robot robot"


@pytest.mark.usefixtures("pages")
def test_pieces_with_both_ends_of_a_text(desk):
    pytest.importorskip("onnxruntime")
    desk.csv("long.csv", [(f"{text} {text}", label) for text, label in desk.rows()])
    settings = ["tokenizer=bpe", "tokenizer.vocabulary_size=300", "tokenizer.max_length=9"]
    outcome = desk.train(
        *settings, "tokenizer.truncation=head_tail", "dataset.train=long.csv", "model.word_dropout=0.1"
    )
    run = outcome.folder
    report, page = desk.report(run)["data"], (run / "report.html").read_text(encoding="utf-8")
    assert report["unknown_rate"] == 0
    assert report["vocabulary_size"] == 302
    assert 0 < report["truncated_tokens_share"] < report["truncated_share"] == 1
    assert "302 in the vocabulary, 0.0% unknown; cut are 100.0% of the texts" in outcome.line("tokens")
    assert "it reads their beginning and their end" in page
    assert "Reproduced" in desk.evaluate(run).out

    _, tokenizer = load_checkpoint(run / "model")
    (whole,) = tokenize([TEXT], tokenizer)
    assert load_classifier(str(run)).encode([TEXT]) == [whole[:5] + whole[-4:]]
    assert desk.run("export", str(run), "--format", "onnx", "--int8", "--max-accuracy-drop", "1").code == 0
    assert desk.json(run / "onnx" / "config.json")["kept_from_end"] == 4
    for file in ("model.onnx", "model.int8.onnx"):
        exported = load_classifier(str(run / "onnx" / file))
        assert exported.encode([TEXT]) == [whole[:5] + whole[-4:]]
        assert predict(str(run / "onnx" / file), [TEXT])[0] == pytest.approx(predict(str(run), [TEXT])[0], abs=0.02)
    desk.evaluate(run / "onnx")
    torch_report, other = (desk.report(run / "evaluation" / name) for name in ("test", "test-onnx"))
    assert other["data"] == torch_report["data"]
    assert other["splits"]["test"] == pytest.approx(torch_report["splits"]["test"], abs=1e-5)


def test_texts_of_unknown_words_are_warned_of(desk):
    assert "unknown to the tokenizer" not in desk.train("tokenizer.minimum_count=1").out
    outcome = desk.train("tokenizer.minimum_count=1000000")
    (warning,) = desk.report(outcome.folder)["data"]["warnings"]
    assert warning.startswith("unknown to the tokenizer: 100% of the train tokens, 100% of the validation tokens, 100%")
    assert "tokenizer=bpe" in warning
    assert "unknown to the tokenizer" in outcome.line("warning")


def pretrained(desk, *given):
    """The outcome of a quick run; of the quick settings those of a trained tokenizer are left out."""
    quick = [setting for setting in desk.quick("training.epochs=1") if not setting.startswith("tokenizer.")]
    return desk.run("train", *quick, "tokenizer=pretrained", *given)


def test_a_tokenizer_of_a_folder(desk):
    first = desk.train("tokenizer=bpe", "tokenizer.vocabulary_size=300", "training.epochs=1").folder
    outcome = pretrained(desk, f"tokenizer.path={first / 'model'}")
    assert outcome.code == 0, outcome.err
    again = load_checkpoint(outcome.folder / "model")[1]
    assert tokenize([TEXT], again) == tokenize([TEXT], load_checkpoint(first / "model")[1])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ([], ["needs a tokenizer", "tokenizer.path=google-bert/bert-base-uncased"]),
        (["tokenizer.path=./nix"], ["tokenizer.path=./nix is not a folder"]),
        (["tokenizer.path=nix/nix"], ["tokenizer.path=nix/nix cannot be loaded", "network"]),
        (["tokenizer.lowercase=true"], ["tokenizer.lowercase", "not of tokenizer=pretrained"]),
    ],
)
def test_a_pretrained_tokenizer_that_is_not_there(desk, given, says):
    desk.assert_refused(pretrained(desk, *given), says)
    assert {path.name for path in desk.place.iterdir()} <= {"rows.csv", "runs"}
    assert not [path for path in desk.place.rglob("*") if path.is_file() and path.name != "rows.csv"]


def test_a_run_and_an_export_from_before_there_were_other_cuts(desk):
    pytest.importorskip("onnxruntime")
    run = desk.train("tokenizer.max_length=4", "training.epochs=1").folder
    assert desk.run("export", str(run), "--format", "onnx").code == 0
    for path, names in (
        (run / "onnx" / "config.json", ["kept_from_end"]),
        (run / "model" / "tokenizer_config.json", ["kept_from_end", "token_unit"]),
    ):
        content = desk.json(path)
        path.write_text(json.dumps({name: value for name, value in content.items() if name not in names}))
    stored = run / ".hydra" / "config.yaml"
    config = yaml.safe_load(stored.read_text())
    old = ("vocabulary_size", "minimum_count", "lowercase", "max_length")
    config["tokenizer"] = {name: config["tokenizer"][name] for name in old}
    config["tokenizer"]["_target_"] = "textlstm.data.words.WordsTokenizer"
    stored.write_text(yaml.safe_dump(config))
    assert "Reproduced" in desk.evaluate(run).out
    desk.evaluate(run / "onnx")
    assert load_classifier(str(run / "onnx")).encode([TEXT]) == load_classifier(str(run)).encode([TEXT])
    (run / "report.json").unlink()
    outcome = desk.run("train", f"resume={run}")
    assert outcome.code == 0, outcome.err


def test_a_study_tells_tokenizers_apart_that_have_the_same_settings(desk):
    outcome = desk.study("-m", "tokenizer=bpe,wordpiece", "seed=0,1", "tokenizer.vocabulary_size=300")
    assert outcome.code == 0, outcome.err
    (file,) = desk.place.rglob("study.json")
    content = desk.json(file)
    assert content["factors"] == {"tokenizer.name": ["bpe", "wordpiece"], "seed": [0, 1]}
    assert "only the newest is counted" not in outcome.out
