"""The real Trainer on sixty small texts: what it optimises, keeps, logs, resumes and refuses."""

import copy
import io
import json
import math
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from tests.encoders import SIZE, encoder_settings
from textlstm.data.batches import Collator, EncodedTexts, SimilarLengthSampler
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.errors import TrainingDiverged, UserError
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.training.checkpoints import newest_checkpoint
from textlstm.training.fit import (
    TrainingResult,
    count_steps,
    fit,
    train_sample,
    training_arguments,
)
from textlstm.training.history import HistoryWriter, format_seconds
from textlstm.training.machine import Machine, choose_device, choose_precision, use_threads
from textlstm.training.scores import predict_last, predict_logits, score
from textlstm.training.settings import TrainingSettings
from textlstm.training.token_vectors import own_learning_rates
from textlstm.training.trainer import StackedLSTMTrainer

VOCABULARY = 40
CPU = Machine(torch.device("cpu"), "fp32", 1)


def make_texts(count: int, seed: int, flipped: bool = False) -> EncodedTexts:
    """Texts of 4 to 10 ids; ids 2 to 9 belong to class 0, 10 to 17 to class 1, 18 to 34 to either."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    texts = []
    for label in labels:
        noise = rng.integers(18, 35, rng.integers(1, 8)).tolist()
        telling = (2 + 8 * label + rng.integers(0, 8, 3)).tolist()
        texts.append(rng.permutation(noise + telling).tolist())
    return EncodedTexts(texts, 1 - labels if flipped else labels, 50)


def splits(flipped: bool = False) -> dict[str, EncodedTexts]:
    """60 texts to train on; with `flipped`, validation gets worse as training gets better."""
    return {"train": make_texts(60, 0), "validation": make_texts(24, 1, flipped)}


def network(seed: int = 0, **settings: Any) -> StackedLSTMForSequenceClassification:
    torch.manual_seed(seed)
    sizes = {"vocab_size": VOCABULARY, "embedding_size": 8, "hidden_size": 8}
    return StackedLSTMForSequenceClassification(StackedLSTMConfig(**(sizes | settings)))


def tokenizer() -> PreTrainedTokenizerBase:
    return WordsTokenizer(minimum_count=1).train(["any words"])


def choose(**settings: Any) -> TrainingSettings:
    return TrainingSettings(**({"epochs": 4, "batch_size": 8, "learning_rate": 0.02, "warmup": 0.0} | settings))


def run(
    folder: Path,
    model: StackedLSTMForSequenceClassification,
    data: dict[str, EncodedTexts] | None = None,
    *,
    seed: int = 0,
    machine: Machine = CPU,
    screen: io.StringIO | None = None,
    **settings: Any,
) -> TrainingResult:
    console = Console(file=screen or io.StringIO(), width=200)
    folder.mkdir(exist_ok=True)
    return fit(
        model,
        tokenizer(),
        data or splits(),
        choose(**settings),
        machine=machine,
        folder=folder,
        seed=seed,
        console=console,
    )


def copies(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


# What training does


def test_training_lowers_the_loss_and_learns_the_classes(tmp_path):
    model = network(layers=2)
    result = run(tmp_path, model, epochs=8, learning_rate=0.03, metric="loss")
    losses = [row["training_loss"] for row in result.history]
    assert losses[-1] < 0.1 < 0.5 < losses[0]
    held_out = make_texts(100, 2)
    assert score(predict_logits(model, held_out), held_out.labels)["accuracy"] > 0.85


@pytest.mark.parametrize("metric", ["loss", "accuracy", "macro_f1"])
def test_the_weights_of_the_best_epoch_come_back(tmp_path, metric):
    model, data = network(), splits(flipped=True)
    result = run(tmp_path, model, data, metric=metric, epochs=5)
    rows = [row["validation"][metric] for row in result.history]
    best = min(rows) if metric == "loss" else max(rows)
    found = score(predict_logits(model, data["validation"]), data["validation"].labels)[metric]
    assert found == pytest.approx(best, abs=1e-6)
    assert rows[-1] != pytest.approx(best, abs=1e-3)
    assert result.best_epoch == result.history[rows.index(best)]["epoch"] < result.epochs == 5


@pytest.mark.parametrize("settings", [{"epochs": 5}, {"epochs": None, "max_steps": 11}], ids=str)
def test_the_last_epochs_scores_can_be_had_beside_the_best_ones(tmp_path, settings):
    model, data = network(), splits()
    result = run(tmp_path, model, data, learning_rate=0.05, **settings)
    best = copies(model)
    logits = predict_last(model, data, "fp32", result.last_weights)
    assert equal(best, copies(model))
    found = score(logits["validation"], data["validation"].labels)
    for metric in ("loss", "accuracy", "macro_f1"):
        assert result.history[-1]["validation"][metric] == pytest.approx(found[metric], abs=1e-6)


def test_a_run_depends_on_its_seed_alone(tmp_path):
    weights = []
    for number, seed in enumerate([5, 5, 6]):
        model = network(dropout=0.3)
        torch.manual_seed(number)
        run(tmp_path / str(number), model, seed=seed, epochs=1)
        weights.append(copies(model))
    assert equal(weights[0], weights[1])
    assert not equal(weights[0], weights[2])


def test_the_trainer_reads_the_samplers_batches_anew_each_epoch(tmp_path):
    texts = [[2 + number] * (1 + number * 7 % 11) for number in range(30)]
    data = {"train": EncodedTexts(texts, np.arange(30) % 2, 50), "validation": make_texts(8, 1)}
    model, batches = network(), []
    model.register_forward_pre_hook(
        lambda module, _, inputs: batches.append((inputs["input_ids"][:, 0] - 2).tolist()) if module.training else None,
        with_kwargs=True,
    )
    run(tmp_path, model, data, seed=3, epochs=3, batch_size=4)
    sampler, expected = SimilarLengthSampler(data["train"].lengths, 4, seed=3), []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        order = list(sampler)
        expected += [order[start : start + 4] for start in range(0, 30, 4)]
    assert batches == expected
    assert batches[:8] != batches[8:16] != batches[16:]


def test_vectors_that_are_not_trainable_stay_bit_for_bit(tmp_path):
    model = network()
    model.embedding.requires_grad_(False)
    before = copies(model)
    run(tmp_path, model, epochs=1, weight_decay=0.5)
    after = copies(model)
    assert torch.equal(before["embedding.table.weight"], after["embedding.table.weight"])
    assert not torch.equal(before["head.weight"], after["head.weight"])


def test_the_padding_row_stays_zero(tmp_path):
    model = network()
    run(tmp_path, model, epochs=1)
    assert not model.embedding.table.weight[0].any()
    assert model.embedding.table.weight[2:35].any()


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_a_cpu_trains_in_the_precision_that_was_chosen(tmp_path, precision, dtype):
    model, formats = network(), set()
    model.head.register_forward_hook(lambda module, inputs, output: formats.add(output.dtype))
    result = run(tmp_path, model, machine=Machine(torch.device("cpu"), precision, 1), epochs=3)
    assert formats == {dtype}
    assert all(weight.dtype == torch.float32 for weight in model.parameters())
    assert all(math.isfinite(row["training_loss"]) for row in result.history)
    assert result.history[-1]["training_loss"] < result.history[0]["training_loss"]


# Weight decay, smoothing, clipping, accumulation


def trainer(model: StackedLSTMForSequenceClassification, folder: Path, smoothing: float = 0.0, **settings: Any) -> Any:
    data = splits()
    return StackedLSTMTrainer(
        model=model,
        args=training_arguments(choose(**settings), 60, CPU, folder, 0),
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        data_collator=Collator(0),
        label_smoothing=smoothing,
        decay_embeddings=choose(**settings).decay_embeddings,
    )


@pytest.mark.parametrize("vectors_too", [False, True])
def test_weight_decay_is_for_matrices_and_for_token_vectors_if_asked(tmp_path, vectors_too):
    model = network(layers=2, pooling="attention", layer_norm=True)
    optimizer = trainer(model, tmp_path, weight_decay=0.3, decay_embeddings=vectors_too).create_optimizer()
    decay = {weight: group["weight_decay"] for group in optimizer.param_groups for weight in group["params"]}
    decays = {name: decay[weight] for name, weight in model.named_parameters()}
    assert len(decays) == 1 + 2 * 2 * (4 + 4) + 3 + 2
    for name, value in decays.items():
        spared = (name.startswith("embedding") and not vectors_too) or "bias" in name or "norms" in name
        assert value == (0.0 if spared else 0.3), name
    assert sum(value > 0 for value in decays.values()) == 2 * 2 * 2 + 2 + 1 + vectors_too


@pytest.mark.parametrize("given", [None, 3e-4])
def test_the_table_of_vectors_has_its_own_rate_if_asked(tmp_path, given):
    model = network(layers=2)
    made = trainer(model, tmp_path, weight_decay=0.3, decay_embeddings=True)
    made.learning_rates = own_learning_rates(choose(embedding_learning_rate=given))
    groups = made.create_optimizer().param_groups
    group_of = {weight: group for group in groups for weight in group["params"]}
    assert len(group_of) == sum(len(group["params"]) for group in groups) == len(list(model.parameters()))
    for name, weight in model.named_parameters():
        rate = given if given and name.startswith("embedding.") else choose().learning_rate
        assert group_of[weight]["lr"] == rate, name
        assert group_of[weight]["weight_decay"] == (0.0 if "bias" in name else 0.3), name


@pytest.mark.parametrize("rate", [1e-5, 1e-3])
def test_vectors_move_as_far_as_their_own_rate_lets_them(tmp_path, rate):
    model = network()
    before = copies(model)
    result = run(tmp_path, model, epochs=2, embedding_learning_rate=rate, schedule="constant_with_warmup", warmup=0.0)
    moved = {name: (weight - before[name]).abs().max().item() for name, weight in copies(model).items()}
    # An update of AdamW moves a number by its rate at most, as long as gradients do not shrink at once.
    updates = result.history[-1]["step"]
    assert rate / 2 < moved["embedding.table.weight"] < 2 * rate * updates
    assert moved["head.weight"] > 1e-3


@pytest.mark.parametrize("vectors_too", [False, True])
def test_an_encoder_has_its_own_rate_and_spares_its_tables(tmp_path, vectors_too):
    encoder = encoder_settings(features="mix", trainable=True)
    model = network(embedding_size=SIZE, encoder=encoder)
    made = trainer(model, tmp_path, weight_decay=0.3, decay_embeddings=vectors_too)
    made.learning_rates = {"embedding.encoder.": 1e-5}
    groups = made.create_optimizer().param_groups
    group_of = {weight: group for group in groups for weight in group["params"]}
    assert len(group_of) == len(list(model.parameters()))
    for name, weight in model.named_parameters():
        own = name.startswith("embedding.encoder.")
        assert group_of[weight]["lr"] == (1e-5 if own else choose().learning_rate), name
        spared = weight.ndim < 2 or ("_embeddings" in name and not vectors_too)
        assert group_of[weight]["weight_decay"] == (0.0 if spared else 0.3), name
    frozen = network(embedding_size=SIZE, encoder=encoder | {"trainable": False})
    optimizer = trainer(frozen, tmp_path).create_optimizer()
    assert {group["lr"] for group in optimizer.param_groups} == {choose().learning_rate}
    trained = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    assert not trained & {id(weight) for weight in frozen.embedding.encoder.parameters()}


def test_vectors_of_words_that_training_never_meets_stay_bit_for_bit(tmp_path):
    model = network()
    before = copies(model)["embedding.table.weight"]
    run(tmp_path, model, epochs=2, weight_decay=0.9)
    after = copies(model)["embedding.table.weight"]
    assert torch.equal(before[35:], after[35:])
    assert (before[2:35] != after[2:35]).any(dim=1).all()


def test_rows_that_no_training_text_holds_take_no_part_and_change_nothing(tmp_path, monkeypatch):
    shapes: list[dict[str, torch.Size]] = []

    def look(callback: Any, args: Any, state: Any, control: Any, model: Any, optimizer: Any, **_: Any) -> None:
        shapes.append({name: weight.shape for name, weight in model.named_parameters() if weight.requires_grad})
        assert sum(len(group["params"]) for group in optimizer.param_groups) == len(shapes[-1])

    monkeypatch.setattr(HistoryWriter, "on_pre_optimizer_step", look, raising=False)
    model, whole = network(), network()
    run(tmp_path / "learned", model, epochs=2)
    monkeypatch.setattr("textlstm.training.fit.learn_rows_of", lambda *_: None)
    run(tmp_path / "whole", whole, epochs=2)
    assert "embedding.learned" in shapes[0]
    assert "embedding.table.weight" not in shapes[0]
    assert "embedding.learned" not in shapes[-1]
    rows = shapes[0]["embedding.learned"][0]
    assert 30 < rows < shapes[-1]["embedding.table.weight"][0]
    # Only the sum for the gradient's length is made in another order.
    assert list(copies(model)) == list(copies(whole))
    for name, weight in copies(whole).items():
        torch.testing.assert_close(copies(model)[name], weight, rtol=1e-4, atol=1e-6)
    saved = load_file(sorted((tmp_path / "learned" / "checkpoints").iterdir())[-1] / "model.safetensors")
    assert set(saved) == set(model.state_dict())
    assert model.embedding.learned is None
    assert model.embedding.table.weight.requires_grad


def test_vectors_that_are_decayed_shrink_and_the_scale_multiplies_the_decay(tmp_path):
    shrunk = []
    for scale in (0.5, 1.0):
        model = network(regularization_scale=scale)
        before = copies(model)["embedding.table.weight"]
        run(tmp_path / str(scale), model, epochs=2, weight_decay=0.9, decay_embeddings=True)
        shrunk.append((model.embedding.table.weight[35:] / before[35:]).detach())
    # Rows that no text holds have no gradient: each update multiplies them by 1 - rate * decay * scale.
    half, whole = (torch.log(ratio).mean() for ratio in shrunk)
    assert whole < -1e-3
    assert (whole / half).item() == pytest.approx(2, rel=0.05)
    for ratio in shrunk:
        assert ratio.std() < 1e-4


def batch_of(data: EncodedTexts) -> dict[str, torch.Tensor]:
    return Collator(0)([data[i] for i in range(len(data))])


def test_label_smoothing_is_in_the_training_loss_alone(tmp_path):
    model, smoothing = network(num_labels=2), 0.3
    smooth, batch = trainer(model, tmp_path, smoothing), batch_of(make_texts(12, 5))
    logs = functional.log_softmax(model(batch["input_ids"]).logits.double(), dim=-1)
    # The target keeps 1 - s and shares s equally over both classes, itself included.
    target = torch.full_like(logs, smoothing / 2)
    target[torch.arange(12), batch["labels"]] += 1 - smoothing
    plain = -logs[torch.arange(12), batch["labels"]].mean().item()
    smoothed = -(target * logs).sum(dim=1).mean().item()
    assert abs(plain - smoothed) > 1e-3
    assert smooth.compute_loss(model.train(), batch).item() == pytest.approx(smoothed, abs=1e-6)
    assert smooth.compute_loss(model.eval(), batch).item() == pytest.approx(plain, abs=1e-6)


def test_a_smoothed_runs_validation_loss_is_plain_cross_entropy(tmp_path):
    model, data = network(), splits()
    result = run(tmp_path, model, data, epochs=1, label_smoothing=0.5)
    found = score(predict_logits(model, data["validation"]), data["validation"].labels)
    assert result.history[0]["validation"]["loss"] == pytest.approx(found["loss"], abs=1e-6)


class Gradients:
    """The gradients that the optimiser meets, update by update."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[dict[str, torch.Tensor]] = []

        def look(callback: Any, args: Any, state: Any, control: Any, model: torch.nn.Module, **_: Any) -> None:
            self.seen.append(
                {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.requires_grad}
            )

        monkeypatch.setattr(HistoryWriter, "on_pre_optimizer_step", look, raising=False)

    def norm(self, update: int) -> float:
        return math.sqrt(sum(gradient.double().square().sum().item() for gradient in self.seen[update].values()))


def gradient_of(model: StackedLSTMForSequenceClassification, data: EncodedTexts) -> dict[str, torch.Tensor]:
    model = copy.deepcopy(model).double()
    batch = batch_of(data)
    functional.cross_entropy(model(batch["input_ids"]).logits, batch["labels"]).backward()
    return {name: weight.grad.float() for name, weight in model.named_parameters()}


@pytest.mark.parametrize(("batch_size", "accumulation"), [(12, 1), (6, 2), (3, 4), (1, 12)])
def test_accumulated_gradients_are_those_of_the_whole_batch(tmp_path, monkeypatch, batch_size, accumulation):
    model, data = network(), {"train": make_texts(12, 0), "validation": make_texts(8, 1)}
    expected, gradients = gradient_of(model, data["train"]), Gradients(monkeypatch)
    result = run(
        tmp_path,
        model,
        data,
        epochs=1,
        batch_size=batch_size,
        gradient_accumulation_steps=accumulation,
        max_grad_norm=0.0,
    )
    assert len(gradients.seen) == 1
    norm = gradients.norm(0)
    for name, gradient in expected.items():
        if name == "embedding.table.weight":  # of which the rows of words in no text are left out
            found = gradients.seen[0]["embedding.learned"]
            assert not gradient[len(found) :].any()
            gradient = gradient[: len(found)]
        else:
            found = gradients.seen[0][name]
        torch.testing.assert_close(found, gradient, rtol=1e-4, atol=1e-6)
    assert norm == pytest.approx(math.sqrt(sum(weight.square().sum().item() for weight in expected.values())), rel=1e-4)
    assert result.history[0]["training_loss"] == pytest.approx(
        functional.cross_entropy(network()(**batch_of(data["train"])).logits, batch_of(data["train"])["labels"]).item(),
        abs=1e-5,
    )


def test_a_long_gradient_is_scaled_down_to_the_limit(tmp_path, monkeypatch):
    model, data = network(), {"train": make_texts(12, 0), "validation": make_texts(8, 1)}
    expected, gradients = gradient_of(model, data["train"]), Gradients(monkeypatch)
    norm = math.sqrt(sum(gradient.square().sum().item() for gradient in expected.values()))
    result = run(tmp_path, model, data, epochs=1, batch_size=12, max_grad_norm=norm / 10)
    assert gradients.norm(0) == pytest.approx(norm / 10, rel=1e-4)
    torch.testing.assert_close(gradients.seen[0]["head.weight"], expected["head.weight"] / 10, rtol=1e-3, atol=1e-6)
    assert result.history[0]["grad_norm"] == pytest.approx(norm, rel=1e-4)  # the log shows it unclipped


# Steps and schedules


@pytest.mark.parametrize(
    ("texts", "settings", "steps"),
    [
        (60, {"epochs": 3, "batch_size": 8}, 24),
        (64, {"epochs": 3, "batch_size": 8}, 24),
        (60, {"epochs": 2, "batch_size": 8, "gradient_accumulation_steps": 3}, 6),
        (60, {"epochs": 2, "batch_size": 100}, 2),
        (60, {"epochs": 3, "batch_size": 8, "max_steps": 10}, 10),
        (60, {"epochs": 1, "batch_size": 8, "max_steps": 10}, 8),
        (60, {"epochs": None, "batch_size": 8, "max_steps": 20}, 20),
    ],
)
def test_training_takes_as_many_steps_as_epochs_and_limit_allow(tmp_path, texts, settings, steps):
    assert count_steps(choose(**settings), texts) == steps
    result = run(tmp_path, network(), {"train": make_texts(texts, 0), "validation": make_texts(8, 1)}, **settings)
    assert result.history[-1]["step"] == steps
    per_epoch = math.ceil(math.ceil(texts / settings["batch_size"]) / settings.get("gradient_accumulation_steps", 1))
    assert result.epochs == pytest.approx(steps / per_epoch, abs=0.01)
    assert len(result.history) == math.ceil(steps / per_epoch)


def test_an_end_to_training_is_compulsory():
    with pytest.raises(ValueError, match="both null"):
        TrainingSettings(epochs=None, max_steps=None)


@pytest.mark.parametrize(
    ("schedule", "shape"),
    [
        ("linear", lambda done: 1 - done),
        ("cosine", lambda done: (1 + math.cos(math.pi * done)) / 2),
        ("constant_with_warmup", lambda done: 1),
    ],
)
def test_the_learning_rate_rises_and_falls_as_scheduled(tmp_path, monkeypatch, schedule, shape):
    rates = []

    def look(callback: Any, args: Any, state: Any, control: Any, optimizer: torch.optim.Optimizer, **_: Any) -> None:
        rates.append(optimizer.param_groups[0]["lr"])

    monkeypatch.setattr(HistoryWriter, "on_pre_optimizer_step", look, raising=False)
    run(tmp_path, network(), epochs=5, schedule=schedule, warmup=0.25, learning_rate=0.01)
    warm = 10
    expected = [step / warm if step < warm else shape((step - warm) / (40 - warm)) for step in range(40)]
    assert rates == pytest.approx([0.01 * rate for rate in expected], abs=1e-9)


# History


def test_history_has_a_row_an_epoch_that_only_grows(tmp_path):
    screen = io.StringIO()
    result = run(tmp_path, network(), screen=screen, epochs=3)
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert without_times(rows) == without_times(result.history)
    assert [row["step"] for row in rows] == [8, 16, 24]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert all(0 < first["seconds"] < second["seconds"] for first, second in pairwise(rows))
    assert rows[-1]["seconds"] <= result.seconds
    assert result.tokens_per_second == pytest.approx(3 * splits()["train"].lengths.sum() / result.seconds)
    for row in rows:
        assert {"training_loss", "learning_rate", "grad_norm"} <= set(row)
        for split in ("train", "validation"):
            assert set(row[split]) == {"loss", "accuracy", "macro_f1"}
    lines = [line for line in screen.getvalue().splitlines() if line.startswith("epoch")]
    for number, (line, row) in enumerate(zip(lines, rows, strict=True), start=1):
        assert re.match(rf"epoch +{number}(\.0)? ?/ ?3 ", line)
        for value in (f"{row['training_loss']:.4f}", f"{row['validation']['loss']:.4f}"):
            assert value in line
        assert f"{100 * row['validation']['accuracy']:.2f}%" in line


def test_the_curve_of_train_is_scored_on_a_fixed_sample_as_large_as_validation(tmp_path):
    model, data = network(), splits()
    sample = train_sample(data["train"], 24)
    assert len(sample) == 24
    assert sample.ids == train_sample(data["train"], 24).ids
    assert sample.lengths.tolist() == sorted(sample.lengths.tolist())
    assert all(text in data["train"].ids for text in sample.ids)
    assert len(train_sample(data["train"], 1000)) == 60
    result = run(tmp_path, model, data, epochs=1)
    found = score(predict_logits(model, sample), sample.labels)
    for metric in ("loss", "accuracy", "macro_f1"):
        assert result.history[0]["train"][metric] == pytest.approx(found[metric], abs=1e-6)


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (65, "1:05"), (59.6, "1:00"), (3599, "59:59"), (7384, "2:03:04")]
)
def test_times_are_written_as_clocks_do(seconds, shown):
    assert format_seconds(seconds) == shown


# Stopping early


def test_patience_stops_after_so_many_epochs_without_a_better_score(tmp_path):
    data = splits(flipped=True)
    endless = run(tmp_path / "endless", network(), data, metric="loss", epochs=8)
    losses = [row["validation"]["loss"] for row in endless.history]
    assert losses == sorted(losses)  # the first epoch is the best
    stopped = run(tmp_path / "stopped", network(), data, metric="loss", epochs=8, patience=3)
    assert len(endless.history) == 8
    assert len(stopped.history) == 1 + 3
    assert (stopped.best_epoch, stopped.epochs) == (1, 4)
    assert without_times(stopped.history) == without_times(endless.history[:4])


def test_patience_waits_while_the_score_improves(tmp_path):
    settings = {"metric": "loss", "epochs": 8, "learning_rate": 0.05}
    endless = run(tmp_path / "endless", network(layers=2), **settings)
    losses = [row["validation"]["loss"] for row in endless.history]
    assert losses[1] < losses[0]
    for patience in (1, 2):
        expected, best, waited = 0, math.inf, 0
        while expected < 8 and waited < patience:
            waited = 0 if losses[expected] < best else waited + 1
            best = min(best, losses[expected])
            expected += 1
        stopped = run(tmp_path / str(patience), network(layers=2), patience=patience, **settings)
        assert len(stopped.history) == expected > patience + 1


# Interruption and resumption


class Killed(Exception):
    """What stands for the end of the process."""


def run_until(step: int, monkeypatch: pytest.MonkeyPatch, folder: Path, *args: Any, **settings: Any) -> None:
    def die(callback: Any, arguments: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == step:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(HistoryWriter, "on_step_begin", die, raising=False)
        with pytest.raises(Killed):
            run(folder, *args, **settings)


LIVELY = {"layers": 2, "dropout": 0.3, "input_dropout": 0.2}


@pytest.mark.parametrize("settings", [{}, {"batch_size": 4, "gradient_accumulation_steps": 2}], ids=str)
def test_a_resumed_run_ends_bit_for_bit_as_an_uninterrupted_one(tmp_path, monkeypatch, settings):
    settings = {"epochs": 4, "warmup": 0.2, "metric": "loss", "weight_decay": 0.1} | settings
    straight = network(**LIVELY)
    expected = run(tmp_path / "straight", straight, **settings)

    folder = tmp_path / "broken"
    run_until(20, monkeypatch, folder, network(**LIVELY), **settings)  # within the third epoch
    assert newest_checkpoint(folder / "checkpoints").name == "checkpoint-16"
    half = folder / "checkpoints" / "checkpoint-24"
    shutil.copytree(folder / "checkpoints" / "checkpoint-16", half)
    (half / "trainer_state.json").unlink()
    (half / "optimizer.pt").write_bytes(b"half")

    resumed = network(seed=77, **LIVELY)
    torch.manual_seed(123)
    result = run(folder, resumed, **settings)
    assert equal(copies(straight), copies(resumed))
    last = [
        load_file(tmp_path / name / "checkpoints/checkpoint-32/model.safetensors") for name in ("straight", "broken")
    ]
    assert equal(*last)
    assert without_times(result.history) == without_times(expected.history)
    assert (result.best_epoch, result.epochs) == (expected.best_epoch, 4)
    seconds = [row["seconds"] for row in result.history]
    assert seconds == sorted(seconds)


def test_a_run_that_ended_before_it_was_saved_gives_the_same_weights_again(tmp_path):
    first, second = network(**LIVELY), network(seed=9, **LIVELY)
    expected = run(tmp_path, first)
    result = run(tmp_path, second)
    assert equal(copies(first), copies(second))
    assert without_times(result.history) == without_times(expected.history)


def test_a_resumed_run_has_no_more_patience_than_an_uninterrupted_one(tmp_path, monkeypatch):
    data, settings = splits(flipped=True), {"metric": "loss", "epochs": 9, "patience": 3}
    expected = run(tmp_path / "straight", network(), data, **settings)
    run_until(20, monkeypatch, tmp_path / "broken", network(), data, **settings)
    result = run(tmp_path / "broken", network(), data, **settings)
    assert len(expected.history) == 4
    assert without_times(result.history) == without_times(expected.history)


def test_a_run_that_patience_ended_does_not_go_on_when_it_is_resumed(tmp_path):
    data, settings = splits(flipped=True), {"metric": "loss", "epochs": 9, "patience": 2}
    expected = run(tmp_path, network(), data, **settings)
    result = run(tmp_path, network(), data, **settings)
    assert without_times(result.history) == without_times(expected.history)


@pytest.mark.parametrize("ended_by", ["a kill", "its last epoch", "patience"])
def test_a_run_that_was_moved_goes_on_with_its_best_weights(tmp_path, monkeypatch, ended_by):
    patience = 2 if ended_by == "patience" else None
    data, settings = splits(flipped=True), {"metric": "loss", "epochs": 4, "patience": patience}
    straight, resumed = network(), network(seed=5)
    expected = run(tmp_path / "straight", straight, data, **settings)
    if ended_by == "a kill":
        run_until(20, monkeypatch, tmp_path / "broken", network(), data, **settings)
    else:
        run(tmp_path / "broken", network(), data, **settings)
    shutil.move(tmp_path / "broken", tmp_path / "moved")
    result = run(tmp_path / "moved", resumed, data, **settings)
    assert result.best_epoch == expected.best_epoch == 1
    assert without_times(result.history) == without_times(expected.history)
    assert equal(copies(straight), copies(resumed))


def test_an_interrupted_runs_history_is_on_disk(tmp_path, monkeypatch):
    run_until(20, monkeypatch, tmp_path, network())
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [8, 16]


def test_the_newest_checkpoint_is_the_complete_one_with_the_highest_step(tmp_path):
    assert newest_checkpoint(tmp_path / "nowhere") is None
    assert newest_checkpoint(tmp_path) is None
    for name, state in {
        "checkpoint-9": "{}",
        "checkpoint-10": '{"global_step": 10}',
        "checkpoint-11": None,
        "checkpoint-12": '{"global_step": 1',
        "checkpoint-13": "",
        "checkpoint-last": "{}",
        "checkpoint-20-old": "{}",
        "checkpoint-": "{}",
    }.items():
        (tmp_path / name).mkdir()
        if state is not None:
            (tmp_path / name / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-14").mkdir()
    (tmp_path / "checkpoint-14" / "trainer_state.json").write_bytes(b"\x80\x00")
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint-10"


# What is refused


def test_a_training_loss_that_is_no_number_stops_the_run(tmp_path):
    model = network()
    with torch.no_grad():
        model.head.bias[0] = torch.nan
    with pytest.raises(TrainingDiverged, match=r"training loss is nan at step 8.\nLower training.learning_rate"):
        run(tmp_path, model)


def test_a_validation_loss_that_is_no_number_stops_the_run(tmp_path):
    model, data = network(), splits()
    data["validation"] = EncodedTexts([[39, 2]] * 8, np.arange(8) % 2, 50)  # 39: a word that training never meets
    with torch.no_grad():
        model.embedding.table.weight[39] = torch.nan
    with pytest.raises(TrainingDiverged, match="validation loss is nan at step 8"):
        run(tmp_path, model, data)


def test_fp16_on_a_cpu_is_refused():
    with pytest.raises(UserError, match="fp16 needs a GPU"):
        choose_precision("fp16", torch.device("cpu"))


@pytest.mark.parametrize(("wanted", "found"), [("auto", "fp32"), ("fp32", "fp32"), ("bf16", "bf16")])
def test_a_cpu_computes_in_fp32_unless_told_otherwise(wanted, found):
    assert choose_precision(wanted, torch.device("cpu")) == found


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="no GPU here"):
        choose_device("cuda")
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"


@pytest.mark.parametrize(("bf16", "found"), [(True, "bf16"), (False, "fp16")])
def test_a_gpu_computes_in_the_best_half_precision_that_it_has(monkeypatch, bf16, found):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: bf16)
    assert choose_precision("auto", torch.device("cuda")) == found
    if not bf16:
        with pytest.raises(UserError, match="no bfloat16"):
            choose_precision("bf16", torch.device("cuda"))


def test_threads_are_set_as_asked():
    assert use_threads(2) == torch.get_num_threads() == 2
    everything = use_threads(None)
    assert everything == torch.get_num_threads() >= 1
