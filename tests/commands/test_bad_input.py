"""Whatever is wrong with what a user gave ends in a message of three lines, and in no finished run."""

import json
import os
import re
import shlex
import shutil
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

ROOT = Path(__file__).resolve().parents[2]

# ---------------------------------------------------------------- settings of train.py

WRONG_SETTINGS = {
    # unknown or misspelt, with the nearest name
    "model.layer=3": ["model.layer'", "model.layers"],
    "+model.layer=3": ["model.layer'", "model.layers"],
    "++model.layer=3": ["model.layer'", "model.layers"],
    "+model={layer:3}": ["model"],
    "training.epoch=3": ["training.epoch'", "training.epochs"],
    "training.lr=3": ["training.lr'", r"training.learning_rate|--help"],
    "+training.lr=3": ["training.lr'", r"training.learning_rate|--help"],
    "learning_rate=1": ["learning_rate'", "training.learning_rate"],
    "layers=3": ["layers'", "model.layers"],
    "dropout=0.1": ["dropout'", "model.dropout"],
    "hidden_size=3": ["hidden_size'", "model.hidden_size"],
    "dataset.txt_column=a": ["dataset.txt_column'", "dataset.text_column"],
    "sede=1": ["sede'", r"\bseed\b"],
    "+sede=1": ["sede'", r"\bseed\b"],
    "outputdir=x": ["outputdir'", "output_dir"],
    "foo=1": ["foo'", "--help"],
    "+foo=1": ["foo'", "--help"],
    "++foo.bar=1": ["foo", "--help"],
    "model.vocab_size=5": ["model.vocab_size'"],
    "model.num_labels=5": ["model.num_labels'"],
    "+experiment=nix": ["experiment"],
    "hydra.nix=1": ["hydra.nix"],
    # groups and choices
    "datset=files": ["datset'", r"\bdataset\b"],
    "+datset=files": ["datset'", r"\bdataset\b"],
    "dataset=bbc": ["dataset=bbc", "bbc_news"],
    "training=smok": ["training=smok", "smoke"],
    "tokenizer=word": ["tokenizer=word", "words"],
    "embedding=elmo": ["embedding=elmo", "corpus, fasttext, glove, random, stack, transformer, word2vec"],
    "regularization=drop": ["regularization=drop", "dropout, none"],
    "model=lstm": ["model=lstm", "stacked_lstm"],
    "model=null": ["model"],
    "dataset=null": ["dataset"],
    "training=3": ["training=3|training"],
    "dataset=": ["dataset"],
    "training=": ["training"],
    "dataset=files,folder": ["dataset", "-m|quotes"],
    # a setting of another choice
    "dataset=folder": ["dataset.train", "dataset=folder|dataset=files|folder"],
    "embedding.path=x.txt": ["embedding.path", "glove"],
    "tokenizer=unigram tokenizer.minimum_count=2": [
        "tokenizer.minimum_count",
        r"tokenizer=bpe\|characters\|wordpiece\|words",
        "not of tokenizer=unigram",
    ],
    "tokenizer.path=x": ["tokenizer.path", "pretrained"],
    # taken away
    "~model": ["model"],
    "~model.layers": ["model.layers"],
    "~seed": ["seed"],
    "~training.threads": ["training.threads"],
    "~dataset": ["dataset"],
    "~foo": ["foo"],
    # wrong type, wrong range, nothing at all
    "model.layers=abc": ["model.layers='?abc", "whole number of at least 1"],
    "model.layers=": ["model.layers", "empty"],
    "model.layers=null": ["model.layers=(null|None)", "whole number of at least 1"],
    "model.layers=2.5": ["model.layers=2.5", "whole number of at least 1"],
    "model.layers=true": ["model.layers=(true|True)", "whole number"],
    "training.label_smoothing=0.6 model.regularization_scale=1.8": ["label_smoothing=0.6", "1.08", "below 1"],
    "regularization=none model.regularization_scale=2": [
        "regularization_scale=2",
        "no effect",
        "regularization=dropout",
    ],
    "training.decay_embeddings=true embedding.trainable=false": ["decay_embeddings", "embedding.trainable=false"],
    "training.embedding_learning_rate=0.001 embedding.trainable=false": [
        "embedding_learning_rate=0.001",
        "embedding.trainable=false",
    ],
    "training.embedding_learning_rate=0": ["training.embedding_learning_rate=0", "greater than 0"],
    "training.decay_embeddings=true training.weight_decay=0": ["decay_embeddings", "weight_decay=0"],
    "model.initialization.chrono=50 model.initialization.forget_bias=1.0": ["chrono=50", "forget_bias=1.0"],
    "model.dropout_kind=[variational,elementwise] model.dropout=[0.3,0]": ["dropout_kind", "no effect"],
    "model.layers=0": ["model.layers=0", "at least 1"],
    "model.layers=-1": ["model.layers=-1", "at least 1"],
    "model.layers=[1,2]": ["model.layers", "1, 2"],
    "model.layers={a:3}": ["model.layers"],
    "model.layers=1,2": ["model.layers", "-m"],
    "model.layers=${seed}": ["model.layers=0", "at least 1"],
    "model.hidden_size=[8,8,8] model.layers=2": ["model.hidden_size", "3 values", "layers=2"],
    "model.hidden_size=0": ["model.hidden_size=0", "at least 1"],
    "model.hidden_size=[8,0]": ["model.hidden_size", "at least 1"],
    "model.pooling=men": ["model.pooling='?men", "last, mean, max, attention, concat"],
    "model.pooling=": ["model.pooling", "empty"],
    "model.pooling=null": ["model.pooling", "last, mean, max, attention, concat"],
    "model.bidirectional=3": ["model.bidirectional=3", "true or false"],
    "model.bidirectional=yes": ["model.bidirectional='?yes", "true or false"],
    "model.dropout=1": ["model.dropout=1", "below 1"],
    "model.dropout=-0.1": ["model.dropout=-0.1", "at least 0"],
    "model.dropout=nan": ["model.dropout=nan"],
    "model.dropout=half": ["model.dropout='?half", "number"],
    "model.dropout=[0.1,0.2,0.3]": ["model.dropout", "3 values"],
    "training.epochs=0": ["training.epochs=0", "1"],
    "training.epochs=1.5": ["training.epochs=1.5", "integer|whole"],
    "training.epochs=null": ["training.epochs", "training.max_steps"],
    "training.epochs=ten": ["training.epochs='?ten"],
    "training.batch_size=0": ["training.batch_size=0", "1"],
    "training.learning_rate=-1": ["training.learning_rate=-1", "greater than 0"],
    "training.learning_rate=0": ["training.learning_rate=0", "greater than 0"],
    "training.learning_rate=nan": ["training.learning_rate=nan"],
    "training.learning_rate=inf": ["training.learning_rate=inf"],
    "training.learning_rate=fast": ["training.learning_rate='?fast", "number"],
    "training.learning_rate=": ["training.learning_rate", "empty"],
    "training.weight_decay=-1": ["training.weight_decay=-1"],
    "training.label_smoothing=1": ["training.label_smoothing=1", "less than 1|below 1"],
    "training.max_grad_norm=-1": ["training.max_grad_norm=-1"],
    "training.patience=0": ["training.patience=0"],
    "training.precision=fp8": ["training.precision='?fp8", "fp32", "bf16"],
    "training.precision=fp16": ["training.precision=fp16", "GPU", "fp32"],
    "training.device=tpu": ["training.device='?tpu", "cpu", "cuda"],
    "training.threads=0": ["training.threads=0"],
    "training.threads=-2": ["training.threads=-2"],
    "tokenizer.vocabulary_size=0": ["tokenizer.vocabulary_size=0"],
    "tokenizer.max_length=0": ["tokenizer.max_length=0"],
    "tokenizer.truncation=middle": ["tokenizer.truncation='?middle", "'head', 'tail' or 'head_tail'"],
    "tokenizer.truncation=head_tail tokenizer.max_length=1": ["head_tail has no effect", "max_length=1"],
    "tokenizer=bpe tokenizer.vocabulary_size=100": ["tokenizer.vocabulary_size=100", "256"],
    "tokenizer=characters tokenizer.digits=split": ["digits=split has no effect", "each digit is a token"],
    "tokenizer.unicode=nfd": ["tokenizer.unicode='?nfd", "nfkc"],
    "embedding.embedding_size=0": ["embedding.embedding_size=0"],
    "dataset.split_seed=-1": ["dataset.split_seed=-1"],
    "dataset.validation_share=1": ["dataset.validation_share=1"],
    "dataset.test_share=0": ["dataset.test_share=0"],
    "dataset.deduplicate=all": ["dataset.deduplicate", "exact", "near", "none"],
    "dataset.group_column=": ["dataset.group_column", "empty"],
    "dataset.group_column=nowhere": ["no column 'nowhere'", "text, label", "dataset.group_column"],
    "dataset.group_column=label": ["dataset.group_column and dataset.label_column are both 'label'"],
    "dataset.name=": ["dataset.name", "empty"],
    "dataset.name=../../x": ["dataset.name"],
    "seed=-1": ["seed=-1"],
    "seed=1.5": ["seed=1.5"],
    "seed=abc": ["seed='?abc"],
    "seed=": ["seed", "empty"],
    "seed=null": ["seed=null"],
    "seed=99999999999999999999": ["seed=99999999999999999999"],
    "seed=???": ["seed"],
    "seed=${nix}": ["nix"],
    "baseline=tree": ["baseline='?tree", "linear"],
    "debug=3": ["debug=3"],
    "output_dir=": ["output_dir", "empty"],
    "output_dir=null": ["output_dir=null"],
    # no setting at all
    "foo": ["'?foo", "name=value"],
    "model.layers": ["model.layers", "name=value|="],
    "model.layers 3": ["model.layers", "name=value|="],
    "=3": ["=3", "name=value"],
    "model.layers==3": ["model.layers"],
    "model.layers=[1": ["model.layers"],
    "'${x}=3'": [r"\$\{x\}"],
    "--foo": ["--foo", "--help"],
    "--resume=x": ["--resume", "resume="],
    "--epochs 3": ["--epochs", "--help|name=value"],
    "--model.layers=3": ["--model.layers"],
    "-x": ["-x", "--help"],
}


@pytest.mark.parametrize("arguments", WRONG_SETTINGS)
def test_wrong_settings(desk, arguments):
    outcome = desk.run("train", *desk.quick(), *shlex.split(arguments))
    desk.assert_refused(outcome, WRONG_SETTINGS[arguments])
    left = {path.name for path in desk.place.iterdir()}
    assert left <= {"rows.csv", "runs"}, "something was left behind"
    assert not [path for path in desk.place.rglob("*") if path.is_file() and path.name != "rows.csv"]


def test_several_problems_are_told_at_once(desk):
    outcome = desk.run("train", *desk.quick("model.layers=0", "seed=-1", "training.batch_size=0"))
    desk.assert_refused(outcome, ["model.layers=0", "seed=-1", "training.batch_size=0"])
    outcome = desk.run("train", *desk.quick(*"model.layers=0 seed=-1 training.batch_size=0 training.epochs=0".split()))
    desk.assert_refused(outcome, ["2 more"])


def test_a_plus_before_a_known_setting_changes_nothing(desk):
    report = desk.report(desk.train("+seed=3", "++model.layers=1", "training.epochs=1").folder)
    assert (report["seed"], report["model"]["layers"]) == (3, 1)


def test_nothing_is_suggested_that_was_just_refused(desk):
    for arguments in (["dataset=folder"], ["embedding=glove"], ["~model"]):
        outcome = desk.run("train", *desk.quick(), *arguments)
        given, suggested = re.search(r"'(\S+?)'(?:.*mean '(\S+?)')?", outcome.err).groups()  # type: ignore[union-attr]
        assert given != suggested, outcome.err


@pytest.mark.parametrize("flag", ["debug=true", "debug=True"])
def test_debug_shows_the_traceback(desk, flag):
    with pytest.raises(ValueError, match=r"model\.layers=0"):
        desk.run("train", *desk.quick("model.layers=0", flag))


def test_no_gpu_is_said_plainly(desk, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    outcome = desk.run("train", *desk.quick("training.device=cuda"))
    desk.assert_refused(outcome, ["training.device=cuda", "no GPU", "training.device=cpu"])


@pytest.mark.slow
def test_in_a_real_process(desk):
    outcome = desk.python("train.py", *desk.quick("+model.layer=3"), f"output_dir={desk.place / 'runs'}")
    desk.assert_refused(outcome, ["model.layer'", "model.layers"])


@pytest.mark.slow
def test_debug_in_a_real_process(desk):
    outcome = desk.python("train.py", *desk.quick("model.layers=0", "debug=true"), f"output_dir={desk.place / 'runs'}")
    assert outcome.code == 1
    assert "Traceback" in outcome.err
    assert "model.layers=0" in outcome.err


# ---------------------------------------------------------------- files

ROWS = "".join(f"{word} text number{n},{word}\n" for n in range(20) for word in ("a", "b"))

WRONG_FILES: dict[str, tuple[str | bytes, list[str]]] = {
    "empty.csv": ("", ["empty.csv", "no rows"]),
    "header only.csv": ("text,label\n", ["header only.csv", "no rows"]),
    "no header.csv": (ROWS, ["no header.csv", "no column 'text'"]),
    "other columns.csv": ("title,class\n" + ROWS, ["'text'", "title, class", "dataset.text_column"]),
    "semicolons.csv": ("text;label\n" + ROWS.replace(",", ";"), ["'text'", "text;label"]),
    "text twice.csv": (
        "text,text,label\n" + "".join(f"x,{line}\n" for line in ROWS.splitlines()),
        ["text twice.csv", "'text'", "two|twice|several|2"],
    ),
    "label twice.csv": (
        "text,label,label\n" + "".join(f"{line},x\n" for line in ROWS.splitlines()),
        ["label twice.csv", "'label'", "two|twice|several|2"],
    ),
    "ragged.csv": ("text,label\n" + ROWS + "one,two,three\n", ["ragged.csv", "line 42", "3 fields"]),
    "open quote.csv": ('text,label\n"abc,x\n' + ROWS, ["open quote.csv"]),
    "latin1.csv": ("text,label\ncafé,x\n".encode("latin-1"), ["latin1.csv", "UTF-8", "0xe9", "line 2"]),
    "utf16.csv": (("text,label\n" + ROWS).encode("utf-16"), ["utf16.csv", "UTF-8"]),
    "latin1.jsonl": ('{"text": "café", "label": "x"}'.encode("latin-1"), ["latin1.jsonl", "UTF-8"]),
    "one class.csv": ("text,label\n" + ROWS.replace(",b", ",a"), ["'a'", "two classes"]),
    "all empty.csv": ("text,label\n" + " ,a\n\t,b\n" * 20, ["empty", "40"]),
    "no labels.csv": ("text,label\n" + ROWS + "hello,\n", ["no label", "row 41"]),
    "a class a row.csv": ("text,label\n" + "".join(f"t{n},c{n}\n" for n in range(9)), ["too few", "dataset.test"]),
    "three rows.csv": ("text,label\na,x\nb,y\nc,x\n", ["too few"]),
    "broken.jsonl": ('{"text": "a", "label": "b"}\n{bad\n', ["broken.jsonl", "line 2"]),
    "no objects.json": ("[1, 2]", ["no objects.json", "object"]),
    "no rows.json": ("[]", ["no rows.json", "no rows"]),
    "null texts.jsonl": ('{"text": null, "label": "x"}\n' * 9, ["empty"]),
    "null label.jsonl": ('{"text": "a", "label": null}\n' * 9, ["no label", "row 1"]),
    "no text.jsonl": ('{"txt": "a", "label": "x"}\n' * 9, ["'text'", "txt"]),
    "bytes.parquet": (b"PAR1 garbage", ["bytes.parquet"]),
    "nothing.parquet": (b"", ["nothing.parquet"]),
    "table.xlsx": ("x", ["table.xlsx", r"\.csv", r"\.parquet"]),
    "no ending": ("x", ["no ending", r"\.csv", r"\.parquet"]),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_wrong_files(desk, name):
    content, says = WRONG_FILES[name]
    desk.write(name, content)
    desk.assert_refused(desk.run("train", *desk.quick(f"dataset.train={name}")), says)


def test_damaged_parquet(desk):
    path = desk.place / "whole.parquet"
    pd.DataFrame(desk.rows(), columns=["text", "label"]).to_parquet(path)
    whole = path.read_bytes()
    desk.write("half.parquet", whole[: len(whole) // 2])
    desk.write("scrambled.parquet", whole[:40] + b"\xff" * 360 + whole[400:])
    for name in ("half.parquet", "scrambled.parquet"):
        outcome = desk.run("train", *desk.quick(f"dataset.train={name}"))
        desk.assert_refused(outcome, [name])


@pytest.mark.parametrize("value", [["a", "list"], {"an": "object"}])
def test_texts_that_are_no_texts(desk, value):
    for column in ("text", "label"):
        rows = [{"text": text, "label": label} | {column: value} for text, label in desk.rows()]
        desk.write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        outcome = desk.run("train", *desk.quick("dataset.train=rows.jsonl"))
        # A list of texts as a label is a set of labels; here all texts have the same.
        one_set = column == "label" and isinstance(value, list)
        says = ["same labels: a, list"] if one_set else ["rows.jsonl", f"'{column}'"]
        desk.assert_refused(outcome, says)


def test_an_argument_that_is_not_utf8(desk):
    """The shell hands over bytes; Python makes lone surrogates of those that are no UTF-8."""
    shutil.copy(desk.csv("rows.csv", desk.rows()), desk.place / "caf\udce9.csv")
    desk.assert_refused(desk.run("train", *desk.quick("dataset.train=caf\udce9.csv")), ["UTF-8"])


def test_missing_files(desk):
    (desk.place / "folder.csv").mkdir()
    for overrides, says in {
        "dataset.train=nix.csv": ["dataset.train=nix.csv", "not a file"],
        "dataset.train=folder.csv": ["dataset.train=folder.csv", "not a file"],
        "dataset.test=nix.csv": ["dataset.test=nix.csv", "not a file"],
        "dataset.validation=nix.csv": ["dataset.validation=nix.csv", "not a file"],
        "dataset.train=": ["dataset.train", "empty"],
        "dataset.train=null": ["dataset.train=FILE"],
        "dataset.text_column=nix": ["'nix'", "text, label", "dataset.text_column"],
        "dataset.label_column=nix": ["'nix'", "text, label", "dataset.label_column"],
        "dataset.label_column=text": ["dataset.label_column", "both"],
    }.items():
        desk.assert_refused(desk.run("train", *desk.quick(overrides)), says)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_label_that_training_never_saw(desk, split):
    desk.csv("other.csv", [("goal", "sport"), ("ufo", "alien")])
    outcome = desk.run("train", *desk.quick(f"dataset.{split}=other.csv"))
    desk.assert_refused(outcome, [split, "alien", "food, sport, tech"])


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_of_empty_texts(desk, split):
    desk.csv("blank.csv", [(" ", "sport"), ("", "tech")])
    outcome = desk.run("train", *desk.quick(f"dataset.{split}=blank.csv"))
    desk.assert_refused(outcome, [split, "empty"])


def test_only_a_test_file(desk):
    desk.csv("test.csv", desk.rows())
    overrides = [o for o in desk.quick() if not o.startswith("dataset.train")]
    outcome = desk.run("train", *overrides, "dataset.test=test.csv")
    desk.assert_refused(outcome, ["dataset.train"])


def test_folders_that_hold_no_classes(desk):
    desk.write("file", "x")
    (desk.place / "bare").mkdir()
    (desk.place / "hollow" / "a").mkdir(parents=True)
    for number in range(20):
        desk.write(f"single/only/{number}.txt", f"text {number}")
    desk.write("latin/a/1.txt", "café".encode("latin-1"))
    quick = [o for o in desk.quick() if not o.startswith("dataset")]
    for path, says in {
        "nix": ["dataset.path=nix", "not a folder"],
        "file": ["dataset.path=file", "not a folder"],
        "bare": ["bare", "sub-folder"],
        "hollow": ["hollow", "no file"],
        "single": ["'only'", "two classes"],
        "latin": ["latin/a/1.txt", "UTF-8"],
    }.items():
        outcome = desk.run("train", *quick, "dataset=folder", f"dataset.path={path}")
        desk.assert_refused(outcome, says)
    desk.assert_refused(desk.run("train", *quick, "dataset=folder"), ["dataset.path"])


WRONG_VECTORS: dict[str, tuple[str | bytes, list[str]]] = {
    "empty.txt": ("", ["empty.txt", "no vectors"]),
    "words.txt": ("a b c\nd e f\n", ["words.txt", "numbers"]),
    "cut.txt": ("a 1 2 3\nb 1 2\n", ["cut.txt", "row 2|line 2"]),
    "binary.txt": (bytes(range(256)) * 4, ["binary.txt"]),
    "plain.gz": ("a 1 2 3\n", ["plain.gz"]),
    "plain.zip": ("a 1 2 3\n", ["plain.zip"]),
    "nan.txt": ("goal nan 1 1\nteam 1 2 3\n", ["nan.txt", "goal|nan"]),
}


@pytest.mark.parametrize("name", WRONG_VECTORS)
def test_wrong_vectors(desk, name):
    content, says = WRONG_VECTORS[name]
    desk.write(name, content)
    quick = [o for o in desk.quick() if not o.startswith("embedding")]
    outcome = desk.run("train", *quick, "embedding=glove", f"embedding.path={name}")
    desk.assert_refused(outcome, says)


def test_missing_vectors(desk):
    quick = [o for o in desk.quick() if not o.startswith("embedding")]
    with zipfile.ZipFile(desk.place / "hollow.zip", "w"):
        pass
    for overrides, says in {
        "": ["embedding.path"],
        "embedding.path=nix.txt": ["embedding.path=nix.txt", "not a file"],
        "embedding.path=.": ["embedding.path", "not a file"],
        "embedding.path=hollow.zip": ["hollow.zip"],
        "embedding.path=nix.txt embedding.embedding_size=50": ["embedding.embedding_size"],
        "embedding.extra_words=9 tokenizer=bpe": ["extra_words has no effect", "tokenizer=words"],
    }.items():
        outcome = desk.run("train", *quick, "embedding=glove", *overrides.split())
        desk.assert_refused(outcome, says)


@pytest.mark.parametrize("path", ["dataset=imdb", "dataset=hub dataset.path=nobody/nothing"])
def test_hub_data_without_a_network(desk, path):
    quick = [o for o in desk.quick() if not o.startswith("dataset")]
    started = time.perf_counter()
    outcome = desk.run("train", *quick, *path.split())
    assert time.perf_counter() - started < 10
    desk.assert_refused(outcome, ["imdb|nobody/nothing", "network", "dataset=files"])


def test_hub_data_without_a_name(desk):
    quick = [o for o in desk.quick() if not o.startswith("dataset")]
    desk.assert_refused(desk.run("train", *quick, "dataset=hub"), ["dataset.path="])


@pytest.mark.parametrize("output_dir", ["rows.csv", "/dev/null", "/proc/nothing"])
def test_an_output_folder_that_cannot_be_written(desk, output_dir):
    outcome = desk.run("train", *desk.quick(f"output_dir={output_dir}"))
    desk.assert_refused(outcome, [output_dir, "output_dir="])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_without_permission(desk):
    locked = desk.place / "locked"
    locked.mkdir(mode=0o500)
    desk.assert_refused(desk.run("train", *desk.quick("output_dir=locked")), ["locked", "output_dir="])


def test_a_training_that_diverges(desk):
    outcome = desk.run("train", *desk.quick("training.learning_rate=1e30", "training.max_grad_norm=0"))
    desk.assert_refused(outcome, ["diverged", "training.learning_rate"])


# ---------------------------------------------------------------- evaluate.py

WRONG_EVALUATIONS = {
    "": ["checkpoint=RUN"],
    "checkpoint=": ["checkpoint", "empty"],
    "checkpoint=null": ["checkpoint=RUN"],
    "checkpoint=nix": ["checkpoint=nix", "not a folder"],
    "checkpoint=rows.csv": ["checkpoint=rows.csv", "not a folder"],
    "checkpoint=.": ["config.json"],
    "chekpoint={run}": ["chekpoint'", r"\bcheckpoint\b"],
    "{run}": ["checkpoint="],
    "checkpoint={run} split=tset": ["split='?tset", "test"],
    "checkpoint={run} split=": ["split", "empty"],
    "checkpoint={run} splt=test": ["splt'", "'split'"],
    "checkpoint={run} +splt=test": ["splt'", "'split'"],
    "checkpoint={run} threads=0": ["threads=0"],
    "checkpoint={run} seed=1": ["seed'"],
    "checkpoint={run} model.layers=3": ["model.layers'"],
    "checkpoint={run} dataset=fils": ["dataset=fils", "files"],
    "checkpoint={run} dataset.test=rows.csv": ["dataset.test", "dataset=files"],
    "checkpoint={run} +dataset.test=rows.csv": ["dataset.test|dataset", "dataset=files"],
    "checkpoint={run} dataset=files": ["dataset.test="],
    "checkpoint={run} dataset=files dataset.test=nix.csv": ["dataset.test=nix.csv", "not a file"],
    "checkpoint={run} dataset=files dataset.validation=rows.csv": ["no test split", "split=validation"],
    "checkpoint={run} dataset=files dataset.test=alien.csv": ["alien", "food, sport, tech"],
    "checkpoint={run} --foo": ["--foo"],
    "-m checkpoint={run} split=test,validation": ["-m", "train.py"],
}


@pytest.mark.parametrize("arguments", WRONG_EVALUATIONS)
def test_wrong_evaluations(desk, finished, arguments):
    desk.csv("rows.csv", desk.rows())
    desk.csv("alien.csv", [("goal", "sport"), ("ufo", "alien")])
    run = desk.copy(finished.folder)
    outcome = desk.run("evaluate", *arguments.format(run=run).split())
    desk.assert_refused(outcome, WRONG_EVALUATIONS[arguments], run)
    given, suggested = re.search(r"'(\S*?)'(?:.*mean '(\S+?)')?|$", outcome.err).groups()  # type: ignore[union-attr]
    assert suggested is None or given != suggested


def truncate(run: Path) -> None:
    weights = run / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def other_weights(run: Path) -> None:
    path = run / "model" / "model.safetensors"
    save_file({f"other.{name}": weight for name, weight in load_file(path).items()}, path)


def change_config(**changes):
    def change(run: Path) -> None:
        path = run / "model" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return change


DAMAGES = {
    "weights cut off": truncate,
    "weights cut to nothing": lambda run: (run / "model" / "model.safetensors").write_bytes(b""),
    "weights missing": lambda run: (run / "model" / "model.safetensors").unlink(),
    "weights of another model": other_weights,
    "another depth": change_config(layers=3),
    "another width": change_config(hidden_size=9),
    "a layer count that is a word": change_config(layers="two"),
    "an unknown setting": change_config(shape="round"),
    "a bert model": lambda run: (run / "model" / "config.json").write_text('{"model_type": "bert"}'),
    "no model type": lambda run: (run / "model" / "config.json").write_text("{}"),
    "config cut off": lambda run: (run / "model" / "config.json").write_text('{"model_type": "stacked'),
    "config empty": lambda run: (run / "model" / "config.json").write_text(""),
    "config a list": lambda run: (run / "model" / "config.json").write_text("[]"),
    "config not text": lambda run: (run / "model" / "config.json").write_bytes(b"\xff\xfe"),
    "config missing": lambda run: (run / "model" / "config.json").unlink(),
    "tokenizer missing": lambda run: (run / "model" / "tokenizer.json").unlink(),
    "tokenizer cut off": lambda run: (run / "model" / "tokenizer.json").write_text("{"),
    "tokenizer without content": lambda run: (run / "model" / "tokenizer.json").write_text("{}"),
    "model folder empty": lambda run: [shutil.rmtree(run / "model"), (run / "model").mkdir()],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint(desk, finished, damage):
    run = desk.copy(finished.folder)
    DAMAGES[damage](run)
    desk.assert_refused(desk.run("evaluate", f"checkpoint={run}"), [str(run)], run)
    outcome = desk.run("predict", str(run), "a goal")
    desk.assert_refused(outcome, [str(run)], run)


@pytest.mark.parametrize("content", ["{", "", "a: [", "- 1"])
def test_a_damaged_stored_configuration(desk, finished, content):
    run = desk.copy(finished.folder)
    (run / ".hydra" / "config.yaml").write_text(content)
    desk.assert_refused(desk.run("evaluate", f"checkpoint={run}"), [str(run)], run)


def test_an_evaluation_that_cannot_be_written(desk, finished):
    run = desk.copy(finished.folder)
    (run / "evaluation").write_text("in the way")
    outcome = desk.run("evaluate", f"checkpoint={run}")
    desk.assert_refused(outcome, ["evaluation"], run)
    assert "output_dir" not in outcome.err, "a setting that evaluate.py does not have"


def test_a_bare_model_without_data(desk, finished):
    shutil.copytree(finished.folder / "model", desk.place / "bare")
    outcome = desk.run("evaluate", "checkpoint=bare")
    desk.assert_refused(outcome, ["bare", "dataset=files dataset.test="])


# ---------------------------------------------------------------- no network


TIMED = """
import sys, time
sys.path.insert(0, sys.argv.pop(1))
import train
started = time.perf_counter()
try:
    train.main()
finally:
    print("seconds", time.perf_counter() - started)
"""


@pytest.mark.slow
@pytest.mark.parametrize("dead", ["HF_ENDPOINT", "HTTPS_PROXY", None])
def test_hub_data_where_nothing_answers(desk, tmp_path, dead):
    """Not told to be offline, but without a network; `None` has whatever network this machine has."""
    variables = {"HF_HUB_OFFLINE": "", "HF_HOME": str(tmp_path / "home")} | (
        {dead: "http://127.0.0.1:9"} if dead else {}
    )
    outcome = desk.python(
        "-c", TIMED, str(ROOT), "dataset=hub", "dataset.path=nobody/nothing", cwd=desk.place, **variables
    )
    seconds = float(outcome.line("seconds"))
    outcome.out = ""
    desk.assert_refused(outcome, ["nobody/nothing", "dataset=files"])
    assert seconds < (10 if dead else 60)
