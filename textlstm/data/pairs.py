"""Pairs of texts as one: the ids of the first, a separator, the ids of the second.

The separator is the tokenizer's own, if it was made for another model and has one, else `<sep>`, which joins behind the
vocabulary: all other ids stay as they are. It stands once in a pair, whatever a text holds: special tokens that
are written in a text are read as ordinary ones. A pair that is too long loses tokens of its longer text first, until
both are equally long, then of both in turn (transformers' `longest_first`); each is cut where `tokenizer.truncation` says.
"""

from collections.abc import Sequence

from tokenizers import Tokenizer, processors
from transformers import PreTrainedTokenizerBase

from textlstm.data.cut import cut
from textlstm.errors import UserError

SEPARATOR = "<sep>"
PAIRS = "text_pairs"
"""Its name in `tokenizer_config.json`: whether texts come in pairs."""

LEAST = 3
"""Tokens of a pair: the separator, and one of each text."""


def prepare_for_pairs(tokenizer: PreTrainedTokenizerBase) -> None:
    """Give a trained tokenizer its separator, and the template by which transformers joins two texts.

    Raises `UserError` where its settings cannot be those of pairs.
    """
    if tokenizer.model_max_length < LEAST:
        raise UserError(
            f"tokenizer.max_length={tokenizer.model_max_length} leaves no room for a pair: two texts and a separator.\nGive {LEAST} or more."
        )
    backend: Tokenizer = tokenizer.backend_tokenizer  # type: ignore[attr-defined]
    if backend.num_special_tokens_to_add(is_pair=False):
        raise UserError(
            "tokenizer.add_special_tokens=true cannot act with dataset.text_pair_column: a pair is joined by a separator alone.\nLeave one of them out."
        )
    if tokenizer.sep_token is None:
        tokenizer.add_special_tokens({"sep_token": SEPARATOR})
    separator = str(tokenizer.sep_token)
    backend.post_processor = processors.TemplateProcessing(
        single="$A", pair=f"$A {separator} $B", special_tokens=[(separator, tokenizer.sep_token_id)]
    )
    tokenizer.init_kwargs |= {PAIRS: True, "split_special_tokens": True}
    tokenizer.split_special_tokens = True


def separator_of(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The id of the separator; None where a tokenizer, trained or loaded, reads single texts."""
    return int(tokenizer.sep_token_id) if tokenizer.init_kwargs.get(PAIRS) else None


def encode_pairs(
    backend: Tokenizer, texts: Sequence[str], others: Sequence[str], *, separator: int, unknown: int
) -> list[list[int]]:
    """Ids of each pair, uncut; a text in which the tokenizer finds nothing is one unknown token."""
    # textlstm.use.classify, which travels alone, has the same lines, and those of `cut_pair`.
    backend.encode_special_tokens = True
    sides = []
    for side in (texts, others):
        found = [encoding.ids for encoding in backend.encode_batch(list(side), add_special_tokens=False)]
        sides.append([[unknown if i == separator else i for i in ids] or [unknown] for ids in found])
    return [[*first, separator, *second] for first, second in zip(*sides, strict=True)]


def cut_pair(ids: list[int], max_length: int, from_end: int, separator: int) -> list[int]:
    """At most `max_length` of `ids`, the separator among them; `from_end`: as many as `cut` would take of a single text."""
    if len(ids) <= max_length:
        return ids
    place = ids.index(separator)
    first, second = ids[:place], ids[place + 1 :]
    room = max_length - 1
    kept = min(len(first), len(second), room // 2)
    sizes = (kept, room - kept) if len(first) <= len(second) else (room - kept, kept)
    parts = [
        cut(text, n, part_from_end(n, max_length, from_end)) for text, n in zip((first, second), sizes, strict=True)
    ]
    return [*parts[0], separator, *parts[1]]


def part_from_end(size: int, max_length: int, from_end: int) -> int:
    """How many of `size` tokens come from the end, where `from_end` of `max_length` would: none, all, or half."""
    return {0: 0, max_length: size}.get(from_end, size // 2)
