"""The course of training, one row an epoch, as `history.jsonl` and as lines in the terminal."""

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import TrainerCallback

from textlstm.errors import TrainingDiverged
from textlstm.files import write_atomically

WATCHED_METRIC = "eval_validation_score"
"""The Trainer's name of the validation score that chooses the weights; higher is better."""


def history_rows(log_history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each evaluated step from the Trainer's own log.

    `training_loss` is the mean over the epoch's updates, with dropout; `train` and `validation` are
    scored at its end in evaluation mode, train on a fixed sample of at most validation's size.
    """
    rows: dict[int, dict[str, Any]] = {}
    for entry in log_history:
        row = rows.setdefault(entry["step"], {"step": entry["step"]})
        row["epoch"] = round(entry["epoch"], 4)
        row["seconds"] = entry.get("seconds", row.get("seconds"))
        if "loss" in entry:
            row |= {
                "training_loss": entry["loss"],
                "learning_rate": entry["learning_rate"],
                "grad_norm": entry.get("grad_norm"),
            }
        for split in ("train", "validation"):
            found = {
                k: entry[f"eval_{split}_{k}"]
                for k in ("loss", "accuracy", "macro_f1", "micro_f1")
                if f"eval_{split}_{k}" in entry
            }
            if found:
                row[split] = found
    return [row for row in rows.values() if "validation" in row]


class HistoryWriter(TrainerCallback):
    """Rewrites `history.jsonl` after each epoch, and stops a training whose loss is no number."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """Raise `TrainingDiverged` at a loss that is not finite."""
        for name in ("loss", "eval_validation_loss"):
            if name in logs and not math.isfinite(logs[name]):
                raise TrainingDiverged(
                    f"Training diverged: the {'training' if name == 'loss' else 'validation'} loss is {logs[name]} at step {state.global_step}.\n"
                    f"Lower training.learning_rate (now {args.learning_rate:g}) or training.max_grad_norm (now {args.max_grad_norm:g})."
                )
        rows = history_rows(state.log_history)
        write_atomically(self.path, "".join(json.dumps(row) + "\n" for row in rows))


class ProgressLines(TrainerCallback):
    """A moving bar within the epoch where there is a terminal, and one line an epoch everywhere."""

    def __init__(self, console: Console, metric: str, lengths: np.ndarray) -> None:
        self.console, self.metric = console, metric
        self.tokens_per_text = float(lengths.mean())
        self.bar: Progress | None = None
        self.rate = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Open the bar."""
        self._begun, self._begun_step = time.perf_counter(), state.global_step
        if self.console.is_terminal:
            columns = (
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
            )
            self.bar = Progress(*columns, console=self.console, transient=True)
            self.task = self.bar.add_task("training", total=state.max_steps, completed=state.global_step, rate="")
            self.bar.start()

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the epoch's clock."""
        self._epoch_begun, self._epoch_step = time.perf_counter(), state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar; the rate counts real tokens, no padding."""
        texts = (state.global_step - self._epoch_step) * args.train_batch_size * args.gradient_accumulation_steps
        self.rate = texts * self.tokens_per_text / max(time.perf_counter() - self._epoch_begun, 1e-9)
        if self.bar:
            self.bar.update(self.task, completed=state.global_step, rate=f"{self.rate:,.0f} tokens/s")

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **_: Any) -> None:
        """Print the epoch's line once validation is scored."""
        if "eval_validation_loss" not in metrics:
            return
        row = history_rows(state.log_history)[-1]
        seconds = time.perf_counter() - self._begun
        done = max(state.global_step - self._begun_step, 1)
        left = seconds / done * (state.max_steps - state.global_step)
        validation = row["validation"]
        shown = "accuracy" if self.metric == "loss" else self.metric
        epochs = state.max_steps * state.epoch / max(state.global_step, 1)
        self.console.print(
            f"epoch {state.epoch:.3g}/{epochs:.3g}  loss {row.get('training_loss', float('nan')):.4f}  "
            f"validation {validation['loss']:.4f} {100 * validation[shown]:.2f}%  "
            f"{self.rate:,.0f} tokens/s  {format_seconds(left)} left",
        )

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Close the bar."""
        self.close()

    def close(self) -> None:
        """Take the bar off the screen, also when training is interrupted."""
        if self.bar:
            self.bar.stop()
            self.bar = None


def format_seconds(seconds: float) -> str:
    """1:05 or 2:03:04."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


class EarlyStopping(TrainerCallback):
    """Ends training after `patience` validations without a better score.

    It counts in the Trainer's own log, which checkpoints hold: transformers' callback counts in
    itself, and a resumed run would have its patience anew.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop where patience is at its end."""
        if self.is_spent(state.log_history):
            control.should_training_stop = True

    def is_spent(self, log_history: list[dict[str, Any]]) -> bool:
        """Whether the last `patience` validations brought nothing better."""
        scores = [entry[WATCHED_METRIC] for entry in log_history if WATCHED_METRIC in entry]
        return len(scores) - 1 - scores.index(max(scores)) >= self.patience if scores else False
