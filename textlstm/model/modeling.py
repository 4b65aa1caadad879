"""The classifier: embedding -> stacked LSTM -> readout -> pooling -> head."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration import StackedLSTMConfig
from .connections import HIGHWAY_BIAS, HighwayGate
from .embedding import make_embedding
from .layer import LSTMDirection
from .penalty import activation_penalty, full_precision, temporal_penalty
from .pooling import POOLINGS
from .readout import MixReadout, make_readout
from .stack import LSTMStack

EMBEDDING_STD = 0.4
"""Spread of random token vectors: that of GloVe's, so that either kind meets the same first layer."""


@dataclass
class StackedLSTMOutput(SequenceClassifierOutput):
    """transformers' output, and in training `penalty`: what AR and TAR add to the loss."""

    penalty: Tensor | None = None


class StackedLSTMForSequenceClassification(PreTrainedModel):
    """Texts as token ids [B, T] to logits [B, C]."""

    config_class = StackedLSTMConfig
    base_model_prefix = "stack"
    # forward takes no **kwargs, so that the Trainer scales the loss under gradient accumulation itself.
    accepts_loss_kwargs = False

    def __init__(self, config: StackedLSTMConfig) -> None:
        super().__init__(config)
        self.embedding = make_embedding(config)
        self.stack = LSTMStack(config)
        self.readout = make_readout(config.readout, self.stack.sizes, config.directions)
        self.pooling = POOLINGS[config.pooling](self.readout.output_size, config.directions)
        self.head = nn.Linear(self.pooling.output_size, config.num_labels)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, LSTMDirection):
            module.reset_parameters()
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            if module.bias is not None:
                init.constant_(module.bias, HIGHWAY_BIAS if isinstance(module, HighwayGate) else 0.0)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=EMBEDDING_STD)
            if module.padding_idx is not None:
                init.zeros_(module.weight[module.padding_idx])
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, MixReadout):
            init.zeros_(module.layer_weights)
            init.ones_(module.gamma)

    def get_input_embeddings(self) -> nn.Embedding:
        """The table of token vectors [V, E]; of a pretrained encoder its own."""
        if self.config.encoder is not None:
            return self.embedding.encoder.model.get_input_embeddings()  # type: ignore[no-any-return, operator, union-attr]
        return self.embedding.table  # type: ignore[return-value]

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the table of token vectors."""
        if self.config.encoder is not None:
            self.embedding.encoder.model.set_input_embeddings(value)  # type: ignore[operator, union-attr]
            return
        self.embedding.table = value

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        features: Tensor | None = None,
    ) -> StackedLSTMOutput:
        """Logits [B, C]; with `labels` [B] also the mean cross-entropy, in training with AR and TAR.

        With `problem_type="multi_label_classification"` labels are zeros and ones [B, C], and the loss is the mean binary
        cross-entropy over texts and classes. input_ids, attention_mask: [B, T], texts first and padding behind. Without
        a mask, what equals `pad_token_id` is padding. hidden_states, on request: the token vectors [B, T, E] and the
        states of each layer [B, T, D*H]. features: states of the encoder that were computed beforehand
        (`textlstm.features`), [B, T, E] or [B, T, K, E]; without them it runs. Raises `ValueError` for padding before a
        text, and for one that is too long for an encoder.
        """
        if attention_mask is None:
            pad = self.config.pad_token_id
            attention_mask = torch.ones_like(input_ids) if pad is None else input_ids != pad
        mask = attention_mask.bool()
        refuse_left_padding(mask)
        lengths = mask.sum(dim=1)
        embedded = self.embedding(input_ids, mask, features)
        states, undropped = self.stack(embedded, lengths, mask)
        logits = self.head(self.pooling(self.readout(states), mask, lengths))
        penalty = self._penalty(states[-1], undropped, mask) if self.training else None
        loss = None if labels is None else classification_loss(logits, labels, self.config.multi_label)
        if loss is not None and penalty is not None:
            loss = loss + penalty
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        hidden_states = (embedded, *states) if wanted else None
        return StackedLSTMOutput(loss=loss, logits=logits, hidden_states=hidden_states, penalty=penalty)

    def _penalty(self, dropped: Tensor, undropped: Tensor, mask: Tensor) -> Tensor | None:
        alpha = self.config.effective("activation_regularization")
        beta = self.config.effective("temporal_activation_regularization")
        penalty = alpha * activation_penalty(dropped, mask) if alpha else None
        if beta:
            temporal = beta * temporal_penalty(undropped, mask)
            penalty = temporal if penalty is None else penalty + temporal
        return penalty


def classification_loss(logits: Tensor, labels: Tensor, multi_label: bool) -> Tensor:
    """Mean cross-entropy of logits [B, C] with labels [B]; of several labels [B, C] the binary one, the mean over classes too."""
    logits = full_precision(logits)
    if multi_label:
        return nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
    return nn.functional.cross_entropy(logits, labels)


def refuse_left_padding(mask: Tensor) -> None:
    """Raise where a row of `mask` [B, T] has padding before a token; values on `meta` cannot be looked at."""
    if not mask.is_meta and (mask[:, 1:] & ~mask[:, :-1]).any():
        raise ValueError("attention_mask has padding before a token. Pad on the right: tokenizer.padding_side='right'.")


AutoConfig.register(StackedLSTMConfig.model_type, StackedLSTMConfig, exist_ok=True)
AutoModelForSequenceClassification.register(StackedLSTMConfig, StackedLSTMForSequenceClassification, exist_ok=True)
# The code is saved beside the weights, so that a checkpoint loads where textlstm is not installed.
StackedLSTMConfig.register_for_auto_class()
StackedLSTMForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
