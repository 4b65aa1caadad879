"""`python -m textlstm.export`: the same logits without torch, for every network that can be trained."""

import copy
import io
import json
import shutil
import sys
import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from rich.console import Console

import textlstm.use.export
from textlstm.errors import UserError
from textlstm.export import export
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.predict import predict
from textlstm.use.checkpoint import load_classifier
from textlstm.use.classify import Classifier
from textlstm.use.export import check_equal
from textlstm.use.int8 import quantize
from textlstm.use.onnx_model import build_onnx
from textlstm.use.torch_classifier import TorchClassifier

TEXTS = ["goal team match", "phone software chip", "bread", "an unseen word " * 30, "!", "Robot LASER!"]
LENGTHS = [3, 9, 1, 6, 9, 2]


# ---------------------------------------------------------------- the graph against torch


def network(**settings: Any) -> StackedLSTMForSequenceClassification:
    """A small network; its first weights are shifted, so that biases and gains that start at 0 or 1 count."""
    torch.manual_seed(0)
    given = {"vocab_size": 30, "embedding_size": 5, "hidden_size": 4, "num_labels": 3} | settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of unbounded activations
        model = StackedLSTMForSequenceClassification(StackedLSTMConfig(**given)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if not name.startswith("embedding"):
                weight.add_(0.3 * torch.randn_like(weight))
    return model


def session(made: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])


def assert_same(model: StackedLSTMForSequenceClassification) -> None:
    """Equal logits on mixed lengths, in another order with more padding, and for each text alone."""
    made = build_onnx(model)
    onnx.checker.check_model(made, full_check=True)
    runtime = session(made)

    def run(ids: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
        return runtime.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})[0]

    lengths = torch.tensor(LENGTHS)
    mask = (torch.arange(max(LENGTHS)) < lengths[:, None]).long()
    ids = torch.randint(2, 30, mask.shape) * mask
    with torch.inference_mode():
        # In float64: where layer normalisation meets a small variance, torch's own float32 is off by 1e-5.
        expected = copy.deepcopy(model).double()(ids, mask).logits.numpy()
    close = {"rtol": 0, "atol": 1e-5 * max(1, np.abs(expected).max())}
    np.testing.assert_allclose(run(ids, mask), expected, **close)
    order = [4, 2, 0, 5, 1, 3]
    wider = [torch.nn.functional.pad(part, (0, 4))[order] for part in (ids, mask)]
    np.testing.assert_allclose(run(*wider), expected[order], **close)
    for row, length in enumerate(LENGTHS):
        alone = run(ids[row : row + 1, :length], mask[row : row + 1, :length])
        np.testing.assert_allclose(alone[0], expected[row], **close)


@pytest.mark.parametrize("readout", ["top", "all", "mix"])
@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention", "concat"])
def test_every_connection_direction_and_depth(pooling, readout):
    for connections, bidirectional, layers in product(
        ["none", "residual", "highway", "dense"], [True, False], [1, 2, 3]
    ):
        if layers > 1 or (readout, connections) == ("top", "none"):
            assert_same(
                network(
                    pooling=pooling,
                    readout=readout,
                    connections=connections,
                    bidirectional=bidirectional,
                    layers=layers,
                )
            )


@pytest.mark.parametrize("gate", ["sigmoid", "hardsigmoid"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "hardtanh", "softsign", "elu", "gelu", "identity"])
def test_every_activation_and_cell(activation, gate):
    cells = [{}, {"layer_norm": True}, {"zoneout_cell": 0.3}, {"zoneout_hidden": 0.2, "layer_norm": True}]
    for cell in cells:
        assert_same(network(activation=activation, recurrent_activation=gate, layers=2, hidden_size=[4, 6], **cell))


def test_settings_of_each_layer_and_rates_that_are_scaled():
    assert_same(
        network(
            layers=3,
            hidden_size=[4, 6, 3],
            activation=["gelu", "identity", "elu"],
            layer_norm=[True, False, False],
            zoneout_cell=[0, 0.2, 0],
            regularization_scale=2,
            dropout=0.2,
            weight_drop=0.3,
            recurrent_dropout=0.1,
            word_dropout=0.1,
            readout="all",
            connections="dense",
        )
    )


def test_a_network_in_training_mode_is_exported_in_evaluation_mode():
    model = network(dropout=0.5, zoneout_cell=0.2, layers=2)
    built = build_onnx(model.train()).SerializeToString()
    assert built == build_onnx(model.eval()).SerializeToString()


@pytest.mark.parametrize("pad", [0, 5, None])
def test_any_padding(pad):
    assert_same(network(pad_token_id=pad))


# ---------------------------------------------------------------- what is written


@dataclass
class Written:
    run: Path
    onnx: Path
    out: str


@pytest.fixture(scope="module")
def written(finished, tmp_path_factory) -> Written:
    """A copy of the finished run with its export, int8 too; to be read only."""
    run = Path(shutil.copytree(finished.folder, tmp_path_factory.mktemp("exported") / "run"))
    out = io.StringIO()
    console = Console(file=out, highlight=False, markup=False, soft_wrap=True)
    export(str(run), None, int8=True, most_loss=1.0, console=console)
    return Written(run, run / "onnx", out.getvalue())


def test_the_folder(written, desk):
    names = {"model.onnx", "model.int8.onnx", "tokenizer.json", "config.json", "classify.py"}
    assert {path.name for path in written.onnx.iterdir()} == names
    assert {path.name for path in written.run.iterdir() if path.name.startswith(".")} == {".hydra"}
    config = desk.json(written.onnx / "config.json")
    assert config["labels"] == ["food", "sport", "tech"]
    assert config["max_length"] == 400
    assert (written.onnx / "tokenizer.json").read_bytes() == (written.run / "model" / "tokenizer.json").read_bytes()


def test_what_is_said(written):
    assert "logits as torch's within" in written.out
    assert "6 validation texts" in written.out
    assert "validation accuracy" in written.out
    assert f"next      python {written.onnx / 'classify.py'}" in written.out


@pytest.mark.parametrize(("file", "tolerance"), [("", 1e-5), ("model.onnx", 1e-5), ("model.int8.onnx", 0.02)])
def test_predictions_are_those_of_torch(written, file, tolerance):
    checkpoint = str(written.onnx / file)
    expected = [predict(str(place), TEXTS) for place in (written.run, written.run / "model")]
    assert expected[0] == expected[1]
    for found, wanted in zip(predict(checkpoint, TEXTS), expected[0], strict=True):
        assert found == pytest.approx(wanted, abs=tolerance)


def test_many_texts_keep_their_order(written, desk):
    texts = [text for text, _ in desk.rows(150)]
    exported, trained = (load_classifier(str(place)) for place in (written.onnx, written.run))
    ids = trained.encode(texts)
    assert exported.encode(texts) == ids
    np.testing.assert_allclose(exported.logits(ids), trained.logits(ids), rtol=0, atol=1e-5)
    alone = np.concatenate([exported.logits([text]) for text in ids])
    np.testing.assert_allclose(exported.logits(ids), alone, rtol=0, atol=1e-5)


def test_int8_is_smaller_and_every_lstm_is_quantized(written):
    operators = [node.op_type for node in onnx.load(written.onnx / "model.int8.onnx").graph.node]
    assert operators.count("DynamicQuantizeLSTM") == 2
    assert "LSTM" not in operators
    assert (written.onnx / "model.int8.onnx").stat().st_size < (written.onnx / "model.onnx").stat().st_size


def test_the_command_reads_an_export(written, desk):
    for checkpoint in (written.onnx, written.onnx / "model.int8.onnx"):
        outcome = desk.run("predict", str(checkpoint), "goal team match")
        assert (outcome.code, outcome.err) == (0, "")
        assert json.loads(outcome.out)["label"] in {"food", "sport", "tech"}


# ---------------------------------------------------------------- scored again


@pytest.mark.parametrize("split", ["validation", "test"])
def test_evaluation_gives_the_scores_of_torch(written, desk, finished, split):
    outcome = desk.evaluate(written.onnx, f"split={split}")
    report = desk.report(written.run / "evaluation" / f"{split}-onnx")
    expected = finished.report["splits"][split]
    assert report["splits"][split] == pytest.approx(expected, abs=1e-6)
    assert report["splits"][split]["accuracy"] == expected["accuracy"]
    assert "eproduced" not in outcome.out
    size = finished.report["model"]
    assert report["model"] == size | {"recurrence": "onnx"}


def test_evaluation_has_the_shape_of_that_of_torch(written, desk, finished):
    run = desk.copy(written.run)
    for checkpoint in (run, run / "onnx", run / "onnx" / "model.int8.onnx"):
        desk.evaluate(checkpoint)
    torch_report, *others = (desk.report(run / "evaluation" / name) for name in ("test", "test-onnx", "test-onnx.int8"))
    for other in others:
        assert other.keys() == torch_report.keys()
        assert other["data"] == torch_report["data"]
        assert other["config"] == torch_report["config"]


def test_an_export_alone_is_scored_on_data_that_is_given(written, desk):
    alone = Path(shutil.copytree(written.onnx, desk.place / "alone"))
    desk.assert_refused(desk.run("evaluate", f"checkpoint={alone}"), ["alone", "dataset=files dataset.test="])
    desk.csv("other.csv", desk.rows(30, seed=5))
    desk.evaluate(alone, "dataset=files", "dataset.test=other.csv")
    (report,) = desk.finished_runs()
    assert desk.report(report)["splits"]["test"]["examples"] == 30


# ---------------------------------------------------------------- without torch

STRANGER = """
import runpy, sys
for name in ("torch", "transformers", "textlstm"):
    sys.modules[name] = None  # whatever imports it now fails
script, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = script
runpy.run_path(script, run_name="__main__")
"""


def test_the_loader_needs_no_torch(written, desk):
    folder = Path(shutil.copytree(written.onnx, desk.place / "elsewhere"))
    expected = Classifier(written.onnx)(TEXTS[:1])
    outcome = desk.python("-c", STRANGER, str(folder / "classify.py"), *TEXTS[0].split(), cwd=desk.place)
    assert (outcome.code, outcome.err) == (0, "")
    assert [json.loads(line) for line in outcome.out.splitlines()] == expected
    (folder / "model.onnx").write_bytes(b"damaged")
    outcome = desk.python("-c", STRANGER, str(folder / "classify.py"), "goal", cwd=desk.place)
    assert outcome.code == 1
    assert "model.onnx cannot be loaded" in outcome.err
    assert "Traceback" not in outcome.err


def test_the_loader_is_this_packages_own_file(written):
    assert (written.onnx / "classify.py").read_bytes() == Path(textlstm.use.classify.__file__).read_bytes()


def test_the_loader_as_a_command(written, monkeypatch, capfd):
    def run(given: bytes, *arguments: str) -> tuple[Any, str, str]:
        monkeypatch.setattr(sys, "argv", ["classify.py", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        monkeypatch.setattr(textlstm.use.classify, "__file__", str(written.onnx / "classify.py"))
        code: Any = 0
        try:
            textlstm.use.classify.main()
        except SystemExit as stop:
            code = stop.code
        return code, *capfd.readouterr()

    code, out, _ = run(b"goal team\nbread\n")
    assert (code, len(out.splitlines())) == (0, 2)
    code, out, _ = run(b"", "--int8", "goal", "team")
    assert (code, len(out.splitlines())) == (0, 1)
    assert "Line 2 is empty" in run(b"goal\n\n")[0]
    assert "Line 1 is not UTF-8" in run(b"caf\xe9")[0]
    assert "Line 1 is empty" in run(b"", " ")[0]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("module", ["onnx", "onnxruntime"])
def test_without_the_extra(desk, finished, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    outcome = desk.run("export", str(finished.folder), "--format", "onnx")
    desk.assert_refused(outcome, [rf"textlstm.export needs {module}\.\nInstall it: pip install textlstm\[onnx\]"])
    assert not (finished.folder / "onnx").exists()


def test_an_export_without_onnxruntime(desk, written, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for outcome in (
        desk.run("predict", str(written.onnx), "goal"),
        desk.run("evaluate", f"checkpoint={written.onnx}"),
    ):
        desk.assert_refused(outcome, [r"needs onnxruntime\.\nInstall it: pip install textlstm\[onnx\]"])


def test_int8_that_costs_too_much(desk, finished, monkeypatch):
    run = desk.copy(finished.folder)

    def ruin(full: Path, small: Path) -> None:
        """A network that gives every text the same class."""
        model = onnx.load(full)
        names = [node.input[1] for node in model.graph.node if node.op_type == "Add"]
        for weight in model.graph.initializer:
            if weight.name == names[-1]:
                weight.CopyFrom(onnx.numpy_helper.from_array(np.float32([100, 0, 0]), weight.name))
        onnx.save(model, small)

    monkeypatch.setattr(textlstm.use.export, "quantize", ruin)
    outcome = desk.run("export", str(run), "--format", "onnx", "--int8", "--max-accuracy-drop", "0.001")
    desk.assert_refused(outcome, [r"int8 loses \d+\.\d\d points", "max-accuracy-drop=0.001"], run)
    assert not (run / "onnx").exists()
    assert {path.name for path in run.iterdir() if path.name.startswith(".")} == {".hydra"}


def test_logits_that_differ(desk, finished, monkeypatch):
    run = desk.copy(finished.folder)
    monkeypatch.setattr(textlstm.use.export, "TOLERANCE", 0.0)
    outcome = desk.run("export", str(run), "--format", "onnx")
    desk.assert_refused(outcome, ["differ from torch's", "nothing was written"], run)
    assert not (run / "onnx").exists()


def test_torch_that_is_off_by_rounding_alone_is_no_reason(finished, monkeypatch):
    network = TorchClassifier(finished.folder / "model")
    ids = network.encode(TEXTS)
    found = network.logits(ids)
    assert check_equal(network, ids, found) == 0
    with pytest.raises(UserError, match="differ from torch's by"):
        check_equal(network, ids, found + np.float32(1e-3))
    monkeypatch.setattr(network, "logits", lambda ids: found + np.float32(2e-5))
    monkeypatch.setattr(network, "in_float64", lambda: TorchClassifier(finished.folder / "model"))
    assert check_equal(network, ids, found) == 0
    with pytest.raises(UserError):
        check_equal(network, ids, found * np.float32("nan"))


def test_a_bare_model_is_compared_on_made_texts_and_gets_no_int8(desk, finished):
    shutil.copytree(finished.folder / "model", desk.place / "bare")
    outcome = desk.run("export", "bare", "--format", "onnx", "--int8")
    desk.assert_refused(outcome, ["--int8 needs the run's validation texts", "not beside the model"])
    outcome = desk.run("export", "bare", "--format", "onnx")
    assert outcome.code == 0, outcome.err
    assert "texts made of the vocabulary" in outcome.out
    assert predict("bare/onnx", ["goal"])[0] == pytest.approx(predict("bare", ["goal"])[0], abs=1e-5)


def test_a_run_whose_data_is_gone(desk, finished):
    run = desk.copy(finished.folder)
    stored = run / ".hydra" / "config.yaml"
    stored.write_text(stored.read_text().replace("rows.csv", "gone.csv"))
    outcome = desk.run("export", str(run), "--format", "onnx")
    assert outcome.code == 0, outcome.err
    assert "gone.csv" in outcome.line("note")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nix"], "not a folder"),
        (["{onnx}"], "is an export already"),
        (["{onnx}/model.onnx"], "is an export already"),
        (["{run}", "--output", "taken"], "taken exists and is no export"),
        (["{run}", "--output", "taken/file"], "taken/file exists and is no export"),
    ],
)
def test_arguments_that_cannot_be_used(desk, written, arguments, says):
    desk.write("taken/file", "mine")
    filled = [argument.format(onnx=written.onnx, run=written.run) for argument in arguments]
    desk.assert_refused(desk.run("export", *filled, "--format", "onnx"), [says])
    assert (desk.place / "taken" / "file").read_text() == "mine"


@pytest.mark.parametrize("arguments", [[], ["--format", "tf"], ["--format", "onnx", "--max-accuracy-drop", "2"]])
def test_options_that_are_not_there(desk, written, arguments):
    outcome = desk.run("export", str(written.run), *arguments)
    assert outcome.code == 2
    assert "usage" in outcome.err


def test_an_earlier_export_is_replaced(desk, written):
    target = Path(shutil.copytree(written.onnx, desk.place / "target"))
    (target / "model.onnx").write_bytes(b"old")
    outcome = desk.run("export", str(written.run), "--format", "onnx", "--output", "target")
    assert outcome.code == 0, outcome.err
    assert (target / "model.onnx").read_bytes() == (written.onnx / "model.onnx").read_bytes()
    assert not (target / "model.int8.onnx").exists()
    assert {path.name for path in desk.place.iterdir()} == {"target"}


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.onnx"])
@pytest.mark.parametrize("content", [None, b"{", b""])
def test_a_damaged_export(desk, written, name, content):
    folder = Path(shutil.copytree(written.onnx, desk.place / "damaged"))
    (folder / name).unlink() if content is None else (folder / name).write_bytes(content)
    desk.assert_refused(desk.run("predict", str(folder), "goal"), ["damaged"])


def test_an_int8_layer_that_is_a_scan_stays_float(tmp_path):
    full, small = tmp_path / "full.onnx", tmp_path / "small.onnx"
    full.write_bytes(build_onnx(network(layers=2, layer_norm=[True, False])).SerializeToString())
    quantize(full, small)
    ids = np.array([[2, 3, 4]])
    feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    found, expected = (session(onnx.load(file)).run(None, feeds)[0] for file in (small, full))
    np.testing.assert_allclose(found, expected, atol=0.1)
    assert {"Scan", "DynamicQuantizeLSTM"} <= {node.op_type for node in onnx.load(small).graph.node}
