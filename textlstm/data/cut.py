"""Which tokens of a text are read, where it has more than the network is to read.

Sun, Qiu, Xu and Huang 2019, "How to Fine-Tune BERT for Text Classification?", compare the first tokens
of a long text, the last, and some of both, and find both best. A cut is two numbers: `max_length`, and
how many of these come from the text's end.
"""

from typing import Literal

from transformers import PreTrainedTokenizerBase

Truncation = Literal["head", "tail", "head_tail"]
"""The first tokens of a long text are read, the last, or the first half and the last half."""

FROM_END = "kept_from_end"
"""Its name in `tokenizer_config.json`, and in the `config.json` of an export."""


def cut(ids: list[int], max_length: int, from_end: int = 0) -> list[int]:
    """At most `max_length` of `ids`: the last `from_end`, and before them the first ones."""
    # textlstm.use.classify, which travels alone, has the same lines.
    if len(ids) <= max_length:
        return ids
    return ids[: max_length - from_end] + ids[len(ids) - from_end :]


def count_from_end(truncation: Truncation, max_length: int, before: int = 0, behind: int = 0) -> int:
    """How many of `max_length` tokens come from a text's end; of an odd number the first half has one more.

    before, behind: special tokens that a tokenizer puts around every text, and which stay.
    """
    own = max_length - before - behind
    return behind + {"head": 0, "tail": own, "head_tail": own // 2}[truncation]


def kept_from_end(tokenizer: PreTrainedTokenizerBase) -> int:
    """What a tokenizer, trained or loaded, says of its cut; 0 where it says nothing."""
    return int(tokenizer.init_kwargs.get(FROM_END, 0))
