"""The tokenizer of a pretrained model, from the hub or from a folder, with its own ids.

Its special tokens keep their ids. Where it has no padding token of its own, or the same one for padding and for the
unknown, `<pad>` joins behind its vocabulary. Where it has no unknown token, as those on bytes, which need none, the
mask token takes its part, which is what word dropout does: it hides a token; and where there is none either, `<unk>`
joins. Special tokens around a text, such as [CLS] and [SEP], are left out unless asked for: the network pools
by itself, and pairs are joined by a separator alone (`textlstm.data.pairs`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from textlstm.data.tokenizers.source import UNIT, TokenizerSource
from textlstm.data.tokenizers.trained import PAD, UNKNOWN
from textlstm.errors import UserError
from textlstm.hub import hub_is_reachable

FILES = ("tokenizer.json", "vocab.*", "*.model")
NO_VOCABULARY = "tokenizer.path={path} holds no tokenizer: there is no vocabulary in it.\nGive the folder that holds its tokenizer.json."
SPECIAL = ("bos_token", "eos_token", "sep_token", "cls_token", "mask_token", "pad_token", "unk_token")


class PretrainedTokenizer(TokenizerSource):
    """A vocabulary that was made for another model: of the texts nothing is looked at."""

    name: Literal["pretrained"] = Field("pretrained", description="name of the tokenizer")
    path: str | None = Field(None, description="name on the hub, such as google-bert/bert-base-uncased, or a folder")
    add_special_tokens: bool = Field(
        False, description="put its special tokens around each text, such as [CLS] and [SEP]"
    )

    def train(
        self, texts: Sequence[str], file_words: Sequence[str] = (), extra_words: int = 0
    ) -> PreTrainedTokenizerFast:
        """Load it; raise `UserError` for what is no tokenizer, and for special tokens that it does not have."""
        loaded = load_tokenizer(self.path)
        # A copy: what was saved may cut and pad by itself, and here one function cuts.
        backend = Tokenizer.from_str(loaded.backend_tokenizer.to_str())  # type: ignore[attr-defined]
        backend.no_truncation()
        backend.no_padding()
        if not self.add_special_tokens:
            backend.post_processor = None
        before, behind = special_around(backend)
        if self.add_special_tokens:
            self._check_special(before + behind)
        return self.finish(backend, unit=unit_of(loaded), before=before, behind=behind, **special_tokens(loaded))

    def _check_special(self, number: int) -> None:
        if number == 0:
            raise UserError(
                f"tokenizer.add_special_tokens=true has no effect: {self.path} puts none around a text.\nLeave it out."
            )
        if number >= self.max_length:
            raise UserError(
                f"tokenizer.max_length={self.max_length} leaves no room for a text between {number} special tokens.\n"
                "Give a larger one, or leave tokenizer.add_special_tokens out."
            )


def load_tokenizer(path: str | None) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder or of the hub, backed by `tokenizers`; raise `UserError` for what is none."""
    if not path:
        raise UserError(
            "tokenizer=pretrained needs a tokenizer.\n"
            "Give it: tokenizer.path=google-bert/bert-base-uncased, or another name of the hub, or a folder."
        )
    folder = Path(path).expanduser()
    if not folder.is_dir() and (folder.exists() or _looks_local(path)):
        raise UserError(
            f"tokenizer.path={path} is not a folder.\nGive the folder that holds tokenizer.json, or a name of the hub."
        )
    local = folder.is_dir()
    if local and not any(list(folder.glob(name)) for name in FILES):
        raise UserError(NO_VOCABULARY.format(path=path))
    try:
        loaded = AutoTokenizer.from_pretrained(
            str(folder) if local else path,
            # Without a network the library tries for 50 s; one short look settles it.
            local_files_only=local or not hub_is_reachable(),
            trust_remote_code=False,
        )
        size, special = len(loaded), len(loaded.all_special_ids)
    except Exception as error:  # the library raises a dozen unrelated types here
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        cure = (
            "Give the folder that holds its tokenizer.json."
            if local
            else "It needs a network at first use (then it is cached). Check the name, or give a local folder."
        )
        raise UserError(f"tokenizer.path={path} cannot be loaded: {reason}\n{cure}") from error
    # From a folder with a model's config.json alone the library makes an empty one.
    if size <= special:
        raise UserError(NO_VOCABULARY.format(path=path))
    if not hasattr(loaded, "backend_tokenizer") or max(loaded.get_vocab().values()) + 1 != size:
        raise UserError(
            f"tokenizer.path={path} is of a kind that cannot be used: its ids have gaps, or it has no tokenizer.json.\nChoose another."
        )
    return loaded  # type: ignore[no-any-return]


def _looks_local(path: str) -> bool:
    """Whether it can be no name of the hub, which is `name` or `owner/name`."""
    return path.startswith((".", "/", "~")) or "\\" in path or path.count("/") > 1


def special_tokens(loaded: PreTrainedTokenizerBase) -> dict[str, str | None]:
    """Its special tokens by their names in transformers; padding and unknown are never missing and never the same."""
    named = {name: getattr(loaded, name, None) for name in SPECIAL}
    found = {name: str(token) for name, token in named.items() if token is not None}
    unknown = found.get("unk_token") or found.get("mask_token") or UNKNOWN
    padding = found.get("pad_token")
    return {**found, "unk_token": unknown, "pad_token": padding if padding not in (None, unknown) else PAD}


def special_around(backend: Tokenizer) -> tuple[int, int]:
    """How many special tokens it puts before a text and behind it."""
    mask = backend.encode("a").special_tokens_mask
    own = [place for place, special in enumerate(mask) if not special] or [len(mask)]
    return own[0], max(len(mask) - 1 - own[-1], 0)


def unit_of(loaded: PreTrainedTokenizerBase) -> str:
    """What it says of itself, if it was trained here; else words for a list of words, and pieces for all others."""
    model = type(loaded.backend_tokenizer.model).__name__  # type: ignore[attr-defined]
    return str(loaded.init_kwargs.get(UNIT) or ("words" if model == "WordLevel" else "pieces"))
