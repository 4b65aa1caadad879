"""What an embedding source knows of the tokenizer: its tokens, and how words become tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["words", "characters", "pieces"]
"""What a token is: a word, a character, or a piece of a word."""


@dataclass(frozen=True)
class Vocabulary:
    """The V tokens of a tokenizer.

    tokens: by id. special: ids of tokens that stand for no text, such as padding and the unknown token.
    encode: words, as a file of vectors writes them, -> their token ids, as in the middle of a text and without
    special tokens; None where every token is a word and written as the file would.
    """

    tokens: Sequence[str]
    special: frozenset[int] = frozenset((0, 1))
    unit: Unit = "words"
    encode: Callable[[Sequence[str]], list[list[int]]] | None = None

    def __len__(self) -> int:
        return len(self.tokens)
