"""transformers' Trainer with what a stacked LSTM needs: batches of similar length, smoothing,
class weights and balanced drawing in training alone, weight decay on matrices alone, and time beside every logged value.
"""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import Trainer

from textlstm.data.batches import EncodedTexts, SimilarLengthSampler
from textlstm.training.objective import training_loss


class StackedLSTMTrainer(Trainer):
    """See the module. `label_smoothing` is ours: transformers' own also smooths the evaluation loss."""

    def __init__(
        self,
        *args: Any,
        label_smoothing: float = 0.0,
        decay_embeddings: bool = False,
        learning_rates: dict[str, float] | None = None,
        class_weights: np.ndarray | None = None,
        chances: np.ndarray | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.label_smoothing, self.decay_embeddings, self.chances = label_smoothing, decay_embeddings, chances
        self.class_weights = (
            None if class_weights is None else torch.tensor(class_weights, dtype=torch.float32, device=self.args.device)
        )
        self.learning_rates = learning_rates or {}
        self._started = time.perf_counter()

    def _get_train_sampler(self, train_dataset: EncodedTexts | None = None) -> SimilarLengthSampler:
        dataset = train_dataset or self.train_dataset
        return SimilarLengthSampler(dataset.lengths, self.args.train_batch_size, self.args.seed, self.chances)

    def compute_loss(self, model: nn.Module, inputs: dict[str, Tensor], return_outputs: bool = False, **_: Any) -> Any:
        """The model's own loss; in training smoothed and weighted if asked."""
        outputs = model(**inputs)
        loss = outputs.loss
        if model.training and (self.label_smoothing or self.class_weights is not None):
            loss = training_loss(
                outputs.logits.float(), inputs["labels"], smoothing=self.label_smoothing, weights=self.class_weights
            )
            if outputs.penalty is not None:
                loss = loss + outputs.penalty
        return (loss, outputs) if return_outputs else loss

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Matrices; tables of vectors, an encoder's too, if asked: rows that a batch does not hold would shrink all the same."""
        tables = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Embedding)}
        tables.add("embedding.learned")
        return [
            name
            for name, weight in model.named_parameters()
            if weight.ndim > 1 and (self.decay_embeddings or name not in tables)
        ]

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Parts with a learning rate of their own are groups of their own: what was learned from much text is moved in smaller steps."""
        optimizer: torch.optim.Optimizer = super().create_optimizer(model)
        for prefix, rate in self.learning_rates.items():
            part = {id(weight) for name, weight in self.model.named_parameters() if name.startswith(prefix)}
            for group in list(optimizer.param_groups):
                own = [weight for weight in group["params"] if id(weight) in part]
                group["params"] = [weight for weight in group["params"] if id(weight) not in part]
                if own:
                    optimizer.add_param_group(group | {"params": own, "lr": rate})
        return optimizer

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the seconds of training so far, those before a resumption included."""
        if not hasattr(self, "_seconds_before"):
            history = [row["seconds"] for row in self.state.log_history if "seconds" in row]
            self._seconds_before = max(history, default=0.0)
        logs["seconds"] = self._seconds_before + time.perf_counter() - self._started
        super().log(logs, start_time)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Start the clock."""
        self._started = time.perf_counter()
        return super().train(*args, **kwargs)
