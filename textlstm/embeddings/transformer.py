"""A pretrained transformer, from the hub or from a folder: its table of token vectors, or its states in context.

table: the vectors that the encoder itself starts from (Devlin et al. 2019), as a plain table; nothing of it runs. last:
the states of its last layer. mix: a learned mix of all its layers (Peters et al. 2018, "Deep contextualized word
representations"). Only encoders that transformers itself knows are loaded: no code of a stranger runs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import transformers
from pydantic import Field
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from textlstm.embeddings.source import EmbeddingSource, EmbeddingTable, EncoderSource, SourceWords
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError
from textlstm.hub import hub_is_reachable

NOT_OF_THE_SHAPE = frozenset(
    "dtype torch_dtype transformers_version architectures _name_or_path id2label label2id".split()
)
"""Keys of an encoder's configuration that its shape does not depend on."""


class TransformerEmbedding(EmbeddingSource):
    """Vectors of a pretrained encoder; the embedding size follows it. The tokenizer has to be its own."""

    path: str | None = Field(
        None, description="encoder: name on the hub, such as sentence-transformers/all-MiniLM-L6-v2, or a folder"
    )
    features: Literal["table", "last", "mix"] = Field(
        "last",
        description="table: its static table of token vectors; last: the states of its last layer; mix: a learned mix of all layers",
    )
    trainable: bool = Field(
        False,
        description="whether training changes the table, or fine-tunes the encoder (training.encoder_learning_rate)",
    )

    @property
    def contextual(self) -> bool:
        """Whether the encoder itself runs."""
        return self.features != "table"

    def words(self) -> SourceWords:
        """None; raise `UserError` where no encoder is named, before anything else is done."""
        if not self.path:
            raise UserError(
                "embedding=transformer needs an encoder, and its tokenizer.\n"
                "Give both: embedding.path=NAME tokenizer=pretrained tokenizer.path=NAME, a name of the hub or a folder."
            )
        return SourceWords()

    def build(self, vocabulary: Vocabulary, train_ids: Sequence[Sequence[int]]) -> EmbeddingTable:
        """The table, or what the network needs to run the encoder.

        Raises `UserError` for what is no encoder, and for a vocabulary that is not the encoder's own.
        """
        self.words()
        assert self.path is not None
        config, tokenizer = load_config(self.path), _load(AutoTokenizer, self.path)
        check_vocabulary(self.path, tokenizer, vocabulary)
        if not self.contextual:
            return static_table(load_encoder(self.path).get_input_embeddings(), len(vocabulary))
        before, behind = special_ids(tokenizer)
        unknown = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.mask_token_id
        source = EncoderSource(
            path=self.path,
            config=config_values(config),
            features=self.features,
            before=before,
            behind=behind,
            unknown=unknown if unknown is not None else next(iter(behind), 0),
        )
        return EmbeddingTable(int(config.hidden_size), encoder=source)


def load_config(path: str) -> PreTrainedConfig:
    """The encoder's configuration; raise `UserError` for what is no encoder."""
    config = _load(AutoConfig, path)
    if config.is_encoder_decoder or not hasattr(config, "hidden_size"):
        raise UserError(
            f"embedding.path={path} is a model of type '{config.model_type}', which is no encoder alone.\n"
            "Give one such as BERT, RoBERTa, DistilBERT or MiniLM."
        )
    return config


def load_encoder(path: str) -> Any:
    """The encoder with its weights in float32, in evaluation mode; raise `UserError` where it cannot be loaded."""
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    return _load(AutoModel, path, dtype="float32").eval()


def _load(kind: Any, path: str, **more: Any) -> Any:
    """By `kind.from_pretrained`: from the folder, from what was downloaded before, or from the hub, in this order."""
    folder = Path(path).expanduser()
    looks_local = path.startswith((".", "/", "~")) or "\\" in path or path.count("/") > 1
    if not folder.is_dir() and (folder.exists() or looks_local):
        raise UserError(
            f"embedding.path={path} is not a folder.\nGive the folder that holds config.json and the weights, or a name of the hub."
        )
    place = str(folder) if folder.is_dir() else path
    try:
        return kind.from_pretrained(place, local_files_only=True, trust_remote_code=False, **more)
    except Exception as error:  # the library raises a dozen unrelated types here
        caught = error
    if not folder.is_dir() and hub_is_reachable():
        try:
            return kind.from_pretrained(place, trust_remote_code=False, **more)
        except Exception as error:
            caught = error
    reason = (str(caught).splitlines() or [type(caught).__name__])[0]
    cure = (
        "Give the folder that holds its config.json, its weights and its tokenizer."
        if folder.is_dir()
        else "It needs a network at first use (then it is cached). Check the name, or give a local folder."
    )
    raise UserError(f"embedding.path={path} cannot be loaded: {reason}\n{cure}") from caught


def config_values(config: PreTrainedConfig) -> dict[str, Any]:
    """What `AutoConfig.for_model` needs to make the same encoder again, as plain values."""
    return {name: value for name, value in config.to_dict().items() if name not in NOT_OF_THE_SHAPE}


def special_ids(tokenizer: PreTrainedTokenizerBase) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ids of the special tokens that the encoder's tokenizer puts before a text and behind it."""
    # By the places: a text's own token may be the unknown one, which is special too.
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())  # type: ignore[attr-defined]
    # What was saved may pad every text to a fixed length.
    backend.no_truncation()
    backend.no_padding()
    encoded = backend.encode("a")
    own = [place for place, special in enumerate(encoded.special_tokens_mask) if not special] or [len(encoded.ids)]
    return tuple(encoded.ids[: own[0]]), tuple(encoded.ids[own[-1] + 1 :])


def check_vocabulary(path: str, tokenizer: PreTrainedTokenizerBase, vocabulary: Vocabulary) -> None:
    """Raise `UserError` unless every token of the encoder has its own id; others may stand behind."""
    number = tokenizer.get_vocab()
    if list(vocabulary.tokens[: len(number)]) != sorted(number, key=number.__getitem__):
        raise UserError(wrong_tokenizer(path))


def wrong_tokenizer(path: str | None, given: str = "another one") -> str:
    """Why another tokenizer than the encoder's own is refused, and what to do."""
    return (
        f"embedding.path={path} knows the tokens of its own tokenizer alone, and the tokenizer is {given}.\n"
        f"Give: tokenizer=pretrained tokenizer.path={path}"
    )


def static_table(table: nn.Embedding, size: int) -> EmbeddingTable:
    """The encoder's first `size` rows; tokens that it does not hold are drawn with the same spread."""
    known = table.weight.detach().float().numpy()[:size]
    vectors = np.random.default_rng(0).normal(0, known.std(), (size, known.shape[1])).astype(np.float32)
    vectors[: len(known)] = known
    return EmbeddingTable(known.shape[1], vectors, np.arange(size) < len(known))
