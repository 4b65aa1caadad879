"""From settings and vocabulary to a network, and from a checkpoint folder back to one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from textlstm.data.pairs import separator_of
from textlstm.data.tokenizers.source import UNIT
from textlstm.embeddings.source import EmbeddingTable, EncoderSource
from textlstm.embeddings.transformer import load_encoder
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError
from textlstm.model import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.model.embedding import EncoderEmbedding, TokenEmbedding
from textlstm.model.encoder import PretrainedEncoder


def vocabulary_of(tokenizer: PreTrainedTokenizerBase) -> Vocabulary:
    """The tokens in the order of their ids, which of them are special, what a token is, and how words become tokens."""
    number = tokenizer.get_vocab()
    added = tokenizer.backend_tokenizer.get_added_tokens_decoder()  # type: ignore[attr-defined]
    special = {*tokenizer.all_special_ids, *(place for place, token in added.items() if token.special)}
    unit = tokenizer.init_kwargs.get(UNIT, "words")

    def encode(words: Sequence[str]) -> list[list[int]]:
        return words_as_ids(words, tokenizer, before="" if unit == "characters" else "a ")

    return Vocabulary(
        sorted(number, key=number.__getitem__), frozenset(special), unit, None if unit == "words" else encode
    )


def words_as_ids(words: Sequence[str], tokenizer: PreTrainedTokenizerBase, *, before: str) -> list[list[int]]:
    """The ids of each word behind `before`, without those of `before`: many tokenizers begin a text otherwise."""
    backend = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    first = len(backend.encode(before.strip(), add_special_tokens=False).ids)
    encodings = backend.encode_batch([before + word for word in words], add_special_tokens=False)
    return [encoding.ids[first:] for encoding in encodings]


def build_network(
    settings: dict[str, Any],
    tokenizer: PreTrainedTokenizerBase,
    table: EmbeddingTable,
    *,
    trainable: bool,
    label_names: Sequence[str],
    seed: int,
    multi_label: bool = False,
) -> StackedLSTMForSequenceClassification:
    """A network with fresh weights that depend on `seed` alone, and the table's vectors where it has any."""
    config = StackedLSTMConfig(
        vocab_size=len(tokenizer),
        embedding_size=table.size,
        pad_token_id=tokenizer.pad_token_id,
        unk_token_id=tokenizer.unk_token_id,
        num_labels=len(label_names),
        id2label=dict(enumerate(label_names)),
        label2id={name: number for number, name in enumerate(label_names)},
        encoder=None if table.encoder is None else table.encoder.settings(trainable),
        problem_type="multi_label_classification" if multi_label else None,
        **settings,
    )
    transformers.set_seed(seed)
    model = StackedLSTMForSequenceClassification(config)
    if table.encoder is not None:
        assert isinstance(model.embedding, EncoderEmbedding)
        check_length(model.embedding.encoder, tokenizer.model_max_length)
        fill_encoder(model.embedding.encoder, table.encoder)
        return model
    assert isinstance(model.embedding, TokenEmbedding)
    if table.vectors is not None:
        with torch.no_grad():
            weight, vectors = model.embedding.table.weight, torch.from_numpy(table.vectors)
            separator = separator_of(tokenizer)
            unset = vectors.isnan()
            if separator is not None and not vectors[separator].any():
                unset[separator] = True  # no text holds it, so a source may know nothing of it
            weight.copy_(torch.where(unset, weight, vectors))
            weight[tokenizer.pad_token_id].zero_()
    model.embedding.table.requires_grad_(trainable)
    return model


def build_encoder(source: EncoderSource, max_length: int) -> PretrainedEncoder:
    """The encoder alone, frozen, with its weights; raise `UserError` where it reads less than `max_length` tokens."""
    encoder = PretrainedEncoder(source.settings(trainable=False)).eval()
    check_length(encoder, max_length)
    fill_encoder(encoder, source)
    return encoder


def check_length(encoder: PretrainedEncoder, max_length: int) -> None:
    """Raise `UserError` where texts may be longer than what the encoder reads at once."""
    if encoder.longest is not None and max_length > encoder.longest:
        raise UserError(
            f"tokenizer.max_length={max_length} is more than the encoder reads at once: it has places for {encoder.longest} tokens "
            f"beside its special ones.\nGive tokenizer.max_length={encoder.longest}, or less. "
            "Which tokens of a longer text are read: tokenizer.truncation."
        )


def fill_encoder(encoder: PretrainedEncoder, source: EncoderSource) -> None:
    """Give it the weights at `source.path`; raise `UserError` where they are not all there."""
    weights = load_encoder(source.path).state_dict()
    known = encoder.model.state_dict()
    encoder.model.load_state_dict({name: weight for name, weight in weights.items() if name in known})


def count_parameters(model: StackedLSTMForSequenceClassification) -> dict[str, int]:
    """Weights of a pretrained encoder, if there is one, of the token vectors, of the LSTM stack, and of what reads it out."""
    encoder = {"encoder": model.embedding.encoder} if isinstance(model.embedding, EncoderEmbedding) else {}
    parts: dict[str, nn.Module] = {**encoder, "embedding": model.embedding, "stack": model.stack}
    counts = {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}
    counts["embedding"] -= counts.get("encoder", 0)
    total = sum(weight.numel() for weight in model.parameters())
    return counts | {"readout, pooling and head": total - sum(counts.values())}


def save_checkpoint(
    model: StackedLSTMForSequenceClassification, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> None:
    """Write weights, configuration, code and tokenizer in transformers' format."""
    transformers.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def model_folder(checkpoint: str) -> Path:
    """The folder with `config.json`: `checkpoint` itself, or `model/` in it."""
    path = Path(checkpoint)
    if not checkpoint or not path.is_dir():
        raise UserError(f"checkpoint={checkpoint} is not a folder.\nGive the folder of a run, or its model/ folder.")
    folder = path if (path / "config.json").is_file() else path / "model"
    if not (folder / "config.json").is_file():
        unfinished = (path / ".hydra").is_dir()
        raise UserError(
            f"{checkpoint} holds no model: there is no config.json in it or in its model/ folder.\n"
            + (
                f"The run is not finished. Go on with: python train.py resume={checkpoint}"
                if unfinished
                else "Give the folder of a finished run."
            )
        )
    return folder


def load_checkpoint(folder: Path) -> tuple[StackedLSTMForSequenceClassification, PreTrainedTokenizerBase]:
    """Model (in evaluation mode) and tokenizer; raise `UserError` for what is damaged or of another kind."""
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    try:
        config = json.loads((folder / "config.json").read_text())
        kind = config.get("model_type") if isinstance(config, dict) else None
        if kind != StackedLSTMConfig.model_type:
            raise UserError(
                f"{folder} holds a model of type '{kind}', not '{StackedLSTMConfig.model_type}'.\n"
                "Give a folder that textlstm's train.py made."
            )
        model, info = StackedLSTMForSequenceClassification.from_pretrained(
            folder, local_files_only=True, output_loading_info=True, ignore_mismatched_sizes=True
        )
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"The checkpoint {folder} cannot be loaded: {reason}\nIt is damaged or incomplete: copy it again, or train anew."
        ) from error
    odd = [*info["missing_keys"], *info["unexpected_keys"], *(str(key) for key in info["mismatched_keys"])]
    if odd:
        raise UserError(
            f"The weights in {folder} do not fit its config.json: {', '.join(sorted(odd)[:3])}.\nThe files are of two models: copy the folder again."
        )
    return model.eval(), tokenizer
