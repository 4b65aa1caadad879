"""The classifier: embedding -> stacked LSTM -> pooling -> head."""

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput

from .configuration import StackedLSTMConfig
from .dropout import VariationalDropout
from .layer import LSTMDirection
from .pooling import POOLINGS
from .stack import LSTMStack

EMBEDDING_STD = 0.4
"""Spread of random token vectors: that of GloVe's, so that either kind meets the same first layer."""


class StackedLSTMForSequenceClassification(PreTrainedModel):
    """Texts as token ids [B, T] to logits [B, C]."""

    config_class = StackedLSTMConfig
    base_model_prefix = "stack"
    # forward takes no **kwargs, so that the Trainer scales the loss under gradient accumulation itself.
    accepts_loss_kwargs = False

    def __init__(self, config: StackedLSTMConfig) -> None:
        super().__init__(config)
        self.embedding = nn.Embedding(config.vocab_size, config.embedding_size, padding_idx=config.pad_token_id)
        self.input_dropout = VariationalDropout(config.input_dropout)
        self.stack = LSTMStack(config)
        self.pooling = POOLINGS[config.pooling](self.stack.output_size, config.directions)
        self.head = nn.Linear(self.pooling.output_size, config.num_labels)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, LSTMDirection):
            module.reset_parameters()
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            init.normal_(module.weight, std=EMBEDDING_STD)
            if module.padding_idx is not None and not getattr(module.weight, "_is_hf_initialized", False):
                init.zeros_(module.weight[module.padding_idx])

    def get_input_embeddings(self) -> nn.Embedding:
        """The table of token vectors [V, E]."""
        return self.embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the table of token vectors."""
        self.embedding = value

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
    ) -> SequenceClassifierOutput:
        """Logits [B, C]; with `labels` [B] also the mean cross-entropy.

        input_ids, attention_mask: [B, T], texts first and padding behind. Without a mask, what
        equals `pad_token_id` is padding. hidden_states, on request: the token vectors [B, T, E] and
        the states of each layer [B, T, D*H]. Raises `ValueError` for padding before a text.
        """
        if attention_mask is None:
            pad = self.config.pad_token_id
            attention_mask = torch.ones_like(input_ids) if pad is None else input_ids != pad
        mask = attention_mask.bool()
        refuse_left_padding(mask)
        lengths = mask.sum(dim=1)
        embedded = self.input_dropout(self.embedding(input_ids))
        states = self.stack(embedded, lengths, mask)
        logits = self.head(self.pooling(states[-1], mask, lengths))
        loss = None if labels is None else nn.functional.cross_entropy(logits.float(), labels)
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        return SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=(embedded, *states) if wanted else None)


def refuse_left_padding(mask: Tensor) -> None:
    """Raise where a row of `mask` [B, T] has padding before a token; values on `meta` cannot be looked at."""
    if not mask.is_meta and (mask[:, 1:] & ~mask[:, :-1]).any():
        raise ValueError("attention_mask has padding before a token. Pad on the right: tokenizer.padding_side='right'.")


AutoConfig.register(StackedLSTMConfig.model_type, StackedLSTMConfig, exist_ok=True)
AutoModelForSequenceClassification.register(StackedLSTMConfig, StackedLSTMForSequenceClassification, exist_ok=True)
# The code is saved beside the weights, so that a checkpoint loads where textlstm is not installed.
StackedLSTMConfig.register_for_auto_class()
StackedLSTMForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
