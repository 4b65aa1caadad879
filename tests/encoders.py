"""Tiny encoders with random weights, and a folder with one and its tokenizer, as the hub would give it."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, DistilBertConfig, PreTrainedTokenizerFast, RobertaConfig

from textlstm.embeddings.transformer import config_values

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS = tuple(
    "goal team match player coach league score win season cup phone software chip network screen computer code data robot laser "
    "bread soup cheese apple kitchen sugar salt oven dinner spice number ##1 ##2 ##3 ##4 ##5 ##6 ##7 ##8 ##9 ##0".split()
)
SIZE, LAYERS, POSITIONS = 8, 2, 24
SHAPE = {
    "vocab_size": 30,
    "hidden_size": SIZE,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "intermediate_size": 16,
}

CONFIGS = {
    "bert": BertConfig(**SHAPE, max_position_embeddings=POSITIONS),
    # Its positions are counted from behind the padding's id.
    "roberta": RobertaConfig(**SHAPE, max_position_embeddings=POSITIONS + 2, pad_token_id=1),
    "distilbert": DistilBertConfig(
        vocab_size=30, dim=SIZE, n_layers=LAYERS, n_heads=2, hidden_dim=16, max_position_embeddings=POSITIONS
    ),
}
KINDS = tuple(CONFIGS)


def encoder_settings(kind: str = "bert", features: str = "last", **more: Any) -> dict[str, Any]:
    """The field `encoder` of a network whose special tokens are 2 and 3; ids from 30 on are not the encoder's."""
    own = {"before": [2], "behind": [3], "unknown": 4, "trainable": False}
    return {"config": config_values(CONFIGS[kind]), "features": features, **own, **more}


def make_folder(place: Path, seed: int = 0) -> Path:
    """A BERT and its WordPiece tokenizer, written by transformers."""
    tokens = [*SPECIAL, *WORDS]
    backend = Tokenizer(models.WordPiece({token: number for number, token in enumerate(tokens)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **dict(zip(names, SPECIAL, strict=True)))
    torch.manual_seed(seed)
    model = BertModel(BertConfig(**SHAPE | {"vocab_size": len(tokens)}, max_position_embeddings=POSITIONS))
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.2 * torch.randn_like(weight))
    model.save_pretrained(place)
    # As that of MiniLM, which cuts and pads by itself.
    tokenizer.backend_tokenizer.enable_truncation(16)
    tokenizer.backend_tokenizer.enable_padding(length=16)
    tokenizer.save_pretrained(place)
    return place
