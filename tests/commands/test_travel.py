"""A checkpoint travels: `transformers.pipeline` loads it, with textlstm imported or where there is none."""

import ast
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from scipy.special import softmax

import textlstm
from textlstm.data.batches import EncodedTexts, tokenize
from textlstm.network import load_checkpoint
from textlstm.training.scores import predict_logits

TEXTS = ["goal team match", "phone software", "bread", "an unseen word " * 30, "the the", "Robot LASER!"]


def logits_here(folder: Path, recurrence: str | None = None) -> np.ndarray:
    """The logits of each text alone, by this package, with the recurrence of the checkpoint or another."""
    model, tokenizer = load_checkpoint(folder)
    model.stack.recurrence = recurrence or model.stack.recurrence
    one = np.zeros(1, np.int64)
    return np.concatenate(
        [predict_logits(model, EncodedTexts(tokenize([t], tokenizer), one, tokenizer.model_max_length)) for t in TEXTS]
    )


def test_a_pipeline_after_the_import(finished):
    assert textlstm.StackedLSTMConfig.model_type == "stacked_lstm"
    classify = transformers.pipeline("text-classification", model=str(finished.folder / "model"), device="cpu")
    expected = logits_here(finished.folder / "model")
    names = finished.report["labels"]
    for text, row in zip(TEXTS, expected, strict=True):
        found = {entry["label"]: entry["score"] for entry in classify(text, top_k=None, function_to_apply="none")}
        # The kernel does not travel: torch's own adds up in another order.
        assert [found[name] for name in names] == pytest.approx(row.tolist(), abs=1e-5)
        best = classify(text)[0]
        assert best["label"] == names[row.argmax()]
        assert best["score"] == pytest.approx(softmax(row).max(), rel=1e-5)


def test_a_pipeline_in_batches_gives_the_same(finished):
    classify = transformers.pipeline("text-classification", model=str(finished.folder / "model"), device="cpu")
    alone = [classify(text, top_k=None, function_to_apply="none") for text in TEXTS]
    together = classify(TEXTS, top_k=None, function_to_apply="none", batch_size=len(TEXTS))
    for one, other in zip(alone, together, strict=True):
        assert [entry["label"] for entry in one] == [entry["label"] for entry in other]
        assert [entry["score"] for entry in one] == pytest.approx([entry["score"] for entry in other], abs=1e-6)


def test_long_texts_are_cut_where_training_cut_them(desk):
    run = desk.train("tokenizer.max_length=4", "training.epochs=1").folder
    classify = transformers.pipeline("text-classification", model=str(run / "model"), device="cpu")
    text = "goal team match player coach league score win"
    cut = classify(text, top_k=None, function_to_apply="none", truncation=True)
    assert cut == classify("goal team match player", top_k=None, function_to_apply="none")


def test_auto_classes_know_it(finished):
    folder = finished.folder / "model"
    assert isinstance(transformers.AutoConfig.from_pretrained(folder), textlstm.StackedLSTMConfig)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    assert isinstance(model, textlstm.StackedLSTMForSequenceClassification)
    assert model.config.id2label == dict(enumerate(finished.report["labels"]))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(TEXTS, padding=True, truncation=True, return_tensors="pt")
    assert set(batch) == {"input_ids", "attention_mask"}
    with torch.inference_mode():
        logits = model.eval()(**batch).logits.numpy()
    np.testing.assert_allclose(logits, logits_here(folder), atol=1e-6)


def test_saved_again_it_is_the_same(desk, finished):
    model, tokenizer = load_checkpoint(finished.folder / "model")
    again = desk.place / "again"
    model.save_pretrained(again)
    tokenizer.save_pretrained(again)
    for name in ("model.safetensors", "tokenizer.json"):
        assert (again / name).read_bytes() == (finished.folder / "model" / name).read_bytes(), name
    first, second = (desk.json(folder / "config.json") for folder in (finished.folder / "model", again))
    first.pop("use_cache", None)  # transformers' Trainer sets it; it means nothing here
    assert first == second


def test_the_code_beside_the_weights_imports_torch_transformers_and_its_siblings_alone(finished):
    files = {path.stem: path for path in (finished.folder / "model").glob("*.py")}
    assert files
    for path in files.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
                assert names <= {"torch", "transformers"} | sys.stdlib_module_names, (path.name, names)
            elif isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1
                assert node.module in files, (path.name, node.module)
            elif isinstance(node, ast.ImportFrom):
                assert node.module is not None
                assert node.module.split(".")[0] in {"torch", "transformers"} | sys.stdlib_module_names, path.name


STRANGER = """
import json, sys
sys.modules["textlstm"] = None  # whatever imports it now fails
try:
    import textlstm
except ImportError:
    pass
else:
    raise SystemExit("textlstm could be imported")
import transformers
classify = transformers.pipeline("text-classification", model=sys.argv[1], trust_remote_code=True, device="cpu")
texts = json.loads(sys.argv[2])
print(json.dumps([classify(text, top_k=None, function_to_apply="none") for text in texts]))
assert not [name for name in sys.modules if name.startswith("textlstm.")]
"""


@pytest.mark.parametrize("folder", ["a run", "moved elsewhere"])
@pytest.mark.slow
def test_a_process_that_cannot_import_textlstm(desk, finished, folder):
    model = finished.folder / "model"
    if folder == "moved elsewhere":
        model = Path(shutil.copytree(model, desk.place / "only the model"))
    done = desk.python(
        "-c",
        STRANGER,
        str(model),
        json.dumps(TEXTS),
        cwd=desk.place,
        HF_MODULES_CACHE=str(desk.place / "modules"),
        PYTHONPATH="",
    )
    assert done.code == 0, done.err
    # The kernel does not travel.
    expected, names = logits_here(model, "fused"), finished.report["labels"]
    np.testing.assert_allclose(expected, logits_here(model), atol=1e-5)
    for entries, row in zip(json.loads(done.out.splitlines()[-1]), expected, strict=True):
        found = {entry["label"]: entry["score"] for entry in entries}
        assert [found[name] for name in names] == row.tolist()
