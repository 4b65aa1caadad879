"""Train: from a model and encoded splits to the best weights and the history."""

import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import transformers
from rich.console import Console
from safetensors import SafetensorError
from safetensors.torch import load_model
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerState, TrainingArguments
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from textlstm.data.batches import Collator, EncodedTexts
from textlstm.errors import UserError
from textlstm.training.checkpoints import BestCheckpointByName, newest_checkpoint
from textlstm.training.history import WATCHED_METRIC, EarlyStopping, HistoryWriter, ProgressLines, history_rows
from textlstm.training.imbalance import class_weights, sampling_chances
from textlstm.training.machine import Machine
from textlstm.training.scores import BATCH_SIZE, score
from textlstm.training.settings import TrainingSettings
from textlstm.training.token_vectors import learn_all_rows, learn_rows_of, own_learning_rates
from textlstm.training.trainer import StackedLSTMTrainer

TIE_BREAK = 1e-6
"""Weight of the loss in the score: below the smallest step of any accuracy that a person could tell."""


@dataclass
class TrainingResult:
    """What training was like; the model itself now has the best weights, `last_weights` is a file with the last ones."""

    seconds: float
    epochs: float
    best_epoch: float
    tokens_per_second: float
    history: list[dict[str, Any]]
    last_weights: Path


def fit(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: dict[str, EncodedTexts],
    settings: TrainingSettings,
    *,
    machine: Machine,
    folder: Path,
    seed: int,
    console: Console,
) -> TrainingResult:
    """Train `model` in place; go on from the newest complete checkpoint of `folder` if it has one.

    Raises `TrainingDiverged` when a loss is not finite, and `UserError` for weights or sampling that cannot act on these labels.
    """
    weights = class_weights(settings, splits["train"].labels, model.config.num_labels)
    chances = sampling_chances(settings, splits["train"].labels)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    train, validation = splits["train"], splits["validation"]
    progress = ProgressLines(console, settings.metric, train.lengths)
    stopping = [EarlyStopping(settings.patience)] if settings.patience is not None else []
    trainer = StackedLSTMTrainer(
        model=model,
        args=training_arguments(settings, len(train), machine, folder, seed, model.config.regularization_scale),
        train_dataset=train,
        eval_dataset={
            "train": train_sample(train, len(validation)),
            "validation": validation.subset(validation.by_length()),
        },
        data_collator=Collator(model.config.pad_token_id),
        processing_class=tokenizer,
        compute_metrics=lambda result: validation_metrics(result, settings.metric),
        callbacks=[HistoryWriter(folder / "history.jsonl"), progress, BestCheckpointByName(), *stopping],
        label_smoothing=settings.label_smoothing * model.config.regularization_scale,
        decay_embeddings=settings.decay_embeddings,
        learning_rates=own_learning_rates(settings),
        class_weights=weights,
        chances=chances,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.remove_callback(ProgressCallback)
    checkpoint = newest_checkpoint(folder / "checkpoints")
    if checkpoint and stopping and ends_here(trainer, checkpoint, stopping[0]):
        return summarize(trainer, train)
    try:
        learn_rows_of(model, train, settings)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except (pickle.UnpicklingError, EOFError, SafetensorError) as error:
        raise UserError(
            f"The checkpoint {checkpoint} is damaged: {(str(error).splitlines() or [type(error).__name__])[0]}\n"
            "Remove that folder and resume again: training goes on from the one before it."
        ) from error
    finally:
        learn_all_rows(model)
        progress.close()
    return summarize(trainer, train)


def ends_here(trainer: StackedLSTMTrainer, checkpoint: Path, stopping: EarlyStopping) -> bool:
    """Whether patience had ended the training that `checkpoint` is of; then load its best weights."""
    state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    if not stopping.is_spent(state.log_history) or state.best_model_checkpoint is None:
        return False
    trainer.state = state
    # By its name: the run's folder may have been moved since.
    best = checkpoint.parent / Path(state.best_model_checkpoint).name
    load_model(trainer.model, best / "model.safetensors")
    return True


def training_arguments(
    settings: TrainingSettings, texts: int, machine: Machine, folder: Path, seed: int, scale: float = 1.0
) -> TrainingArguments:
    """Our settings in transformers' words."""
    return TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        max_steps=count_steps(settings, texts),
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=BATCH_SIZE,
        gradient_accumulation_steps=settings.gradient_accumulation_steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=settings.schedule,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay * scale,
        max_grad_norm=settings.max_grad_norm,
        bf16=machine.precision == "bf16",
        fp16=machine.precision == "fp16",
        use_cpu=machine.device.type == "cpu",
        seed=seed,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        logging_nan_inf_filter=False,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=WATCHED_METRIC,
        greater_is_better=True,
        remove_unused_columns=False,
        dataloader_pin_memory=machine.device.type == "cuda",
        ddp_find_unused_parameters=False,
        disable_tqdm=True,
        report_to="none",
    )


def count_steps(settings: TrainingSettings, texts: int) -> int:
    """Updates until the first of `epochs` and `max_steps` is reached (to transformers max_steps alone counts)."""
    batches = math.ceil(texts / settings.batch_size)
    steps = math.ceil(batches / settings.gradient_accumulation_steps) * (settings.epochs or 0)
    return min(count for count in (steps, settings.max_steps) if count)


def train_sample(train: EncodedTexts, size: int) -> EncodedTexts:
    """A fixed random part of train, as large as validation, for a curve in evaluation mode."""
    chosen = np.random.default_rng(0).permutation(len(train))[:size]
    sample = train.subset(chosen)
    return sample.subset(sample.by_length())


def validation_metrics(result: Any, metric: str) -> dict[str, float]:
    """Accuracy, macro-F1 (with several labels micro-F1 too, all at thresholds of 1/2) and the score that chooses the weights (higher is better)."""
    found = score(result.predictions, result.label_ids)
    # Small validation sets tie often: between equal shares the lower loss decides.
    chosen = -found["loss"] if metric == "loss" else found[metric] - TIE_BREAK * found["loss"]
    return {name: found[name] for name in found if name not in ("loss", "examples")} | {"score": chosen}


def summarize(trainer: StackedLSTMTrainer, train: EncodedTexts) -> TrainingResult:
    """Seconds, epochs and speed from the Trainer's log."""
    history = history_rows(trainer.state.log_history)
    seconds = max((row["seconds"] for row in trainer.state.log_history), default=0.0)
    best_step = trainer.state.best_global_step
    best = next(row for row in history if row["step"] == best_step)
    # Where texts are drawn, those that come are not as long as all are.
    chances = np.full(len(train), 1 / len(train)) if trainer.chances is None else trainer.chances
    tokens = float(train.lengths @ chances) * len(train) * trainer.state.epoch
    last = Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}" / "model.safetensors"
    return TrainingResult(seconds, trainer.state.epoch, best["epoch"], tokens / max(seconds, 1e-9), history, last)
