"""The settings of one training."""

from typing import Literal

from pydantic import Field, model_validator

from textlstm.section import Section

Precision = Literal["auto", "fp32", "bf16", "fp16"]


class TrainingSettings(Section):
    """How the weights are found."""

    epochs: int | None = Field(8, ge=1, description="passes over the training texts")
    max_steps: int | None = Field(None, ge=1, description="most updates, whatever the epochs; null for no limit")
    batch_size: int = Field(32, ge=1, description="texts an update")
    gradient_accumulation_steps: int = Field(1, ge=1, description="batches whose gradients are summed for one update")
    learning_rate: float = Field(4e-3, gt=0, description="peak learning rate of AdamW")
    embedding_learning_rate: float | None = Field(
        None,
        gt=0,
        description="peak learning rate of the table of token vectors (Tai et al. 2015 move it in smaller steps); null: as learning_rate",
    )
    encoder_learning_rate: float = Field(
        2e-5,
        gt=0,
        description="peak learning rate of a pretrained encoder that is fine-tuned (embedding.trainable=true)",
    )
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the updates over which the learning rate rises")
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = Field(
        "linear", description="how the learning rate falls"
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        description="AdamW's decay of matrices (not of biases and norms; of token vectors, see decay_embeddings)",
    )
    decay_embeddings: bool = Field(
        False, description="decay token vectors too; also rows that a batch does not hold shrink then"
    )
    label_smoothing: float = Field(
        0.0, ge=0, lt=1, description="share of the target spread over all classes (training loss only)"
    )
    class_weight: Literal["none", "balanced"] = Field(
        "none",
        description="balanced: each text counts as texts / (classes * texts of its class) in the training loss, the weighted mean of a batch; with several labels a text, each label as negatives / positives of its class",
    )
    sampling: Literal["uniform", "balanced"] = Field(
        "uniform",
        description="uniform: every training text once an epoch; balanced: as many are drawn, with replacement, each class equally often in expectation",
    )
    max_grad_norm: float = Field(
        1.0, ge=0, description="longest gradient; longer ones are scaled down; 0 clips nothing"
    )
    patience: int | None = Field(
        None, ge=1, description="epochs without a better validation score before training stops; null never stops"
    )
    metric: Literal["accuracy", "macro_f1", "micro_f1", "loss"] = Field(
        "accuracy",
        description="validation score that chooses the best weights; micro_f1 is for several labels a text, where accuracy is that of whole sets",
    )
    precision: Precision = Field("auto", description="number format; auto: bf16 or fp16 on a GPU, fp32 on a CPU")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where to train; auto takes a GPU if there is one"
    )
    threads: int | None = Field(None, ge=1, description="CPU threads; null takes all cores")

    @model_validator(mode="after")
    def _has_an_end(self) -> "TrainingSettings":
        if self.epochs is None and self.max_steps is None:
            raise ValueError("training.epochs and training.max_steps are both null. Give one of them.")
        return self

    @model_validator(mode="after")
    def _balances_once(self) -> "TrainingSettings":
        if self.class_weight == self.sampling == "balanced":
            raise ValueError(
                "training.class_weight=balanced and training.sampling=balanced both make up for rare classes, and together twice. Give one of them."
            )
        return self
