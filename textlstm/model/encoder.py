"""A pretrained transformer whose states are the token vectors: its last layer's, or all layers' for a learned mix.

Devlin et al. 2019 ("BERT") and its kin, through transformers' `AutoModel`. The network reads the tokens of a text alone;
here the special tokens that the encoder was trained with, such as [CLS] and [SEP], are put around each text, and their
states are dropped again, so that one vector comes out for each token.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

ENCODER_KEYS = ("config", "features", "trainable", "before", "behind", "unknown")
"""Of `StackedLSTMConfig.encoder`: see `check_encoder`."""
FEATURES = ("last", "mix")


class PretrainedEncoder(nn.Module):
    """Texts as token ids to states: `last` [B, T, E], `mix` [B, T, K, E] of K layers, the input embeddings first.

    Where it is not trained it stays in evaluation mode, and no gradient is kept. longest: tokens of a text that it can
    read at once, or None where it has no limit.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.features, self.trainable = settings["features"], settings["trainable"]
        self.before, self.behind, self.unknown = list(settings["before"]), list(settings["behind"]), settings["unknown"]
        self.model = AutoModel.from_config(AutoConfig.for_model(**settings["config"]))
        if getattr(self.model, "pooler", None) is not None:
            # It reads the first special token, whose state is dropped here.
            self.model.pooler = None
        self.vocabulary = self.model.get_input_embeddings().num_embeddings
        self.longest = longest_text(self.model, len(self.before) + len(self.behind))
        self.padding = self.model.config.pad_token_id or 0
        self.requires_grad_(self.trainable)
        self.train()

    @property
    def size(self) -> int:
        """Width E of a state."""
        return int(self.model.config.hidden_size)

    @property
    def layers(self) -> int:
        """How many layers there are, beside the input embeddings."""
        return int(self.model.config.num_hidden_layers)

    def train(self, mode: bool = True) -> "PretrainedEncoder":
        """Frozen, it has no dropout in training either."""
        return super().train(mode and self.trainable)

    def forward(self, input_ids: Tensor, mask: Tensor) -> Tensor:
        """Ids [B, T] and mask [B, T], padding behind -> states, zero at padding; raise `ValueError` for a text too long."""
        # A text of nothing but padding columns beyond the limit is none: columns that no text reaches are cut off.
        steps = input_ids.size(1)
        if self.longest is not None and steps > self.longest and not mask.is_meta:
            if mask[:, self.longest :].any():
                raise ValueError(
                    f"A text has {int(mask.sum(dim=1).max())} tokens, and the encoder reads {self.longest} at once. "
                    f"Cut longer ones: truncation=True, max_length={self.longest}."
                )
            input_ids, mask = input_ids[:, : self.longest], mask[:, : self.longest]
        ids, whole = self.surround(input_ids, mask)
        with torch.set_grad_enabled(self.trainable and torch.is_grad_enabled()):
            output = self.model(ids, attention_mask=whole.long(), output_hidden_states=self.features == "mix")
        states = torch.stack(output.hidden_states, dim=2) if self.features == "mix" else output.last_hidden_state
        first = len(self.before)
        states = states[:, first : first + input_ids.size(1)]
        shown = mask.view(*mask.shape, *[1] * (states.dim() - 2))
        states = states.masked_fill(~shown, 0.0)
        missing = steps - input_ids.size(1)
        return nn.functional.pad(states, (0, 0) * (states.dim() - 2) + (0, missing)) if missing else states

    def surround(self, input_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Ids and mask [B, T + S] with the S special tokens directly around each text.

        Ids that joined the vocabulary behind the encoder's own table become its unknown token.
        """
        own = torch.where(input_ids < self.vocabulary, input_ids, self.unknown).masked_fill(~mask, self.padding)
        ids = nn.functional.pad(own, (len(self.before), len(self.behind)), value=self.padding)
        for place, special in enumerate(self.before):
            ids[:, place] = special
        ends = len(self.before) + mask.sum(dim=1, keepdim=True)
        for place, special in enumerate(self.behind):
            ids = ids.scatter(1, ends + place, special)
        places = torch.arange(ids.size(1), device=ids.device)
        return ids, places < ends + len(self.behind)


def longest_text(model: nn.Module, special: int) -> int | None:
    """Tokens of a text that fit into the positions beside `special` ones.

    RoBERTa and its kin count positions from behind the padding's own.
    """
    most = getattr(model.config, "max_position_embeddings", None)
    if not isinstance(most, int) or most < 1:
        return None
    table = next((part for name, part in model.named_modules() if name.endswith("position_embeddings")), None)
    offset = 0 if getattr(table, "padding_idx", None) is None else table.padding_idx + 1  # type: ignore[union-attr, operator]
    return most - offset - special


def check_encoder(given: Any) -> None:
    """Raise `ValueError` for what is no description of an encoder.

    Keys: config, the encoder's own with its model_type; features, `last` or `mix`; trainable; before and behind, ids of
    the special tokens around a text; unknown, the id for tokens that its table does not hold.
    """
    if given is None:
        return
    if not isinstance(given, dict) or set(given) != set(ENCODER_KEYS) or "model_type" not in given["config"]:
        raise ValueError(f"encoder={given!r} is not allowed. It takes the keys {', '.join(ENCODER_KEYS)}, or null.")
    if given["features"] not in FEATURES:
        raise ValueError(
            f"encoder.features={given['features']!r} is not allowed. It takes one of {', '.join(FEATURES)}."
        )
