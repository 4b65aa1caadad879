"""What cannot act across sections: settings of `training` and `embedding` beside those of the network.

What contradicts itself inside of the network is refused by `textlstm.model.contract`.
"""

from typing import Any

from textlstm.data.tokenizers.pretrained import PretrainedTokenizer
from textlstm.data.tokenizers.source import TokenizerSource
from textlstm.diagnostics.matching import MatchSettings
from textlstm.embeddings.source import EmbeddingSource
from textlstm.embeddings.transformer import TransformerEmbedding, wrong_tokenizer
from textlstm.errors import UserError
from textlstm.model.configuration import SCALED
from textlstm.training.settings import TrainingSettings


def check_across(
    model: dict[str, Any], training: TrainingSettings, *, trainable: bool, explicit: set[str] | frozenset[str]
) -> None:
    """Raise `UserError` for a value that can have no effect; `explicit` are the dotted names that the user gave."""
    scale = model.get("regularization_scale", 1.0)
    _check_scale(model, training, scale)
    _check_embedding_decay(training, trainable)
    if training.embedding_learning_rate is not None and not trainable:
        raise UserError(
            f"training.embedding_learning_rate={training.embedding_learning_rate} has no effect while "
            "embedding.trainable=false.\nLeave one of them out."
        )
    initialization = model.get("initialization") or {}
    if initialization.get("chrono") is not None and "model.initialization.forget_bias" in explicit:
        raise UserError(
            f"model.initialization.chrono={initialization['chrono']} sets the forget gate's bias, and so does "
            f"model.initialization.forget_bias={initialization['forget_bias']}.\nGive one of them."
        )


def _check_scale(model: dict[str, Any], training: TrainingSettings, scale: float) -> None:
    # The one share outside of `model` that the scale multiplies; the network checks its own.
    if training.label_smoothing * scale >= 1:
        raise UserError(
            f"training.label_smoothing={training.label_smoothing} times model.regularization_scale={scale} is "
            f"{training.label_smoothing * scale:g}.\nA share must stay below 1: lower one of them."
        )
    scaled = [model.get(name, 0) for name in SCALED] + [training.label_smoothing, training.weight_decay]
    if scale != 1 and not any(any(value) if isinstance(value, list) else value for value in scaled):
        raise UserError(
            f"model.regularization_scale={scale} has no effect: every rate that it multiplies is 0.\n"
            "Give a rate or a preset, such as regularization=dropout, or leave the scale out."
        )


def _check_embedding_decay(training: TrainingSettings, trainable: bool) -> None:
    if not training.decay_embeddings:
        return
    if not trainable:
        raise UserError(
            "training.decay_embeddings=true has no effect while embedding.trainable=false.\nLeave one of them out."
        )
    if training.weight_decay == 0:
        raise UserError(
            "training.decay_embeddings=true has no effect while training.weight_decay=0.\nGive a decay, or leave it out."
        )


def check_encoder(
    tokenizer: TokenizerSource,
    embedding: EmbeddingSource,
    training: TrainingSettings,
    explicit: set[str] | frozenset[str],
) -> None:
    """Raise `UserError` for an encoder with another tokenizer than its own, and for settings of one that act on none."""
    contextual = isinstance(embedding, TransformerEmbedding) and embedding.contextual
    if "training.encoder_learning_rate" in explicit and not (contextual and embedding.trainable):
        raise UserError(
            "training.encoder_learning_rate has no effect where no encoder is fine-tuned.\n"
            "Leave it out, or fine-tune one: embedding=transformer embedding.trainable=true, with features=last or mix."
        )
    if contextual and training.embedding_learning_rate is not None:
        raise UserError(
            "training.embedding_learning_rate has no effect where an encoder makes the token vectors.\n"
            "Give training.encoder_learning_rate, or embedding.features=table."
        )
    if not isinstance(embedding, TransformerEmbedding) or not embedding.path:
        return
    if not isinstance(tokenizer, PretrainedTokenizer):
        raise UserError(wrong_tokenizer(embedding.path, f"tokenizer={tokenizer.name}"))
    if tokenizer.path and tokenizer.path != embedding.path:
        raise UserError(wrong_tokenizer(embedding.path, f"that of {tokenizer.path}"))
    if contextual and tokenizer.add_special_tokens:
        raise UserError(
            f"tokenizer.add_special_tokens=true has no effect with embedding.features={embedding.features}: the encoder gets its special "
            "tokens anyway, and the stack reads the text's own.\nLeave it out."
        )


def check_extra_words(tokenizer: TokenizerSource, explicit: set[str] | frozenset[str]) -> None:
    """Raise `UserError` for words of a file that a tokenizer of no whole words cannot take."""
    given = next((name for name in sorted(explicit) if name.endswith(".extra_words")), None)
    if given and tokenizer.name != "words":
        raise UserError(
            f"{given} has no effect with tokenizer={tokenizer.name}: words of a file join the vocabulary of tokenizer=words alone.\n"
            "Leave it out, or take tokenizer=words."
        )


def check_match(model: dict[str, Any], match: MatchSettings, explicit: set[str] | frozenset[str]) -> None:
    """Raise `UserError` where `model.match` contradicts what else was given, or where its settings act on nothing."""
    if match.match is None:
        given = next((name for name in sorted(explicit) if name.startswith("model.match_to")), None)
        if given:
            raise UserError(f"{given} has no effect without model.match.\nAdd model.match=parameters, or leave it out.")
        return
    sizes = model.get("hidden_size")
    # With a reference of its own the list is one that was found, in a stored configuration.
    if isinstance(sizes, list) and match.match_to.hidden_size is None:
        raise UserError(
            f"model.match={match.match} chooses one hidden size for all layers, and model.hidden_size={sizes} gives each its own.\n"
            "Leave one of them out."
        )
    if {"model.hidden_size", "model.match_to.hidden_size"} <= explicit:
        raise UserError(
            f"model.hidden_size={sizes} has no effect: model.match={match.match} chooses it, to be equal to "
            f"model.match_to.hidden_size={match.match_to.hidden_size}.\nLeave one of them out."
        )
    if match.match == "latency" and "model.match_to.part" in explicit:
        raise UserError(
            "model.match_to.part has no effect with model.match=latency: a text's time is that of the whole network.\nLeave it out."
        )
