"""Every file in `conf/` composes, passes the check at the door, builds, and says when to choose it."""

import re
from inspect import isabstract
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra.utils import get_class

from textlstm import StackedLSTMConfig, StackedLSTMForSequenceClassification
from textlstm.data.source import DatasetSource
from textlstm.data.tokenizers.source import TokenizerSource
from textlstm.diagnostics.matching import MatchSettings
from textlstm.door.help import print_help
from textlstm.door.resume import compose_plain
from textlstm.door.settings import EvaluationSettings, RunSettings, check_evaluate, check_train, model_names
from textlstm.embeddings.source import EmbeddingSource
from textlstm.embeddings.vocabulary import Vocabulary
from textlstm.errors import UserError
from textlstm.section import dotted_fields
from textlstm.study.summary import JudgingSettings
from textlstm.training.settings import TrainingSettings

CONF = Path(__file__).resolve().parents[1] / "conf"
FILES = sorted(CONF.rglob("*.yaml"))
CHOICES = sorted((path.parent.name, path.stem) for path in FILES if path.parent != CONF)
GROUPS = {"dataset", "embedding", "model", "regularization", "tokenizer", "training"}


def compose(*overrides: str, name: str = "config") -> dict[str, Any]:
    return compose_plain(CONF, name, list(overrides))


def names(path: Path) -> str:
    return str(path.relative_to(CONF))


def test_all_groups_are_known_to_this_test():
    assert {group for group, _ in CHOICES} >= GROUPS
    assert ("dataset", "bbc_news") in CHOICES
    assert ("training", "smoke") in CHOICES


@pytest.mark.parametrize("path", FILES, ids=names)
def test_a_first_comment_says_when_to_choose_it(path):
    comments = [line[1:].strip() for line in path.read_text().splitlines() if line.startswith("#")]
    first = next(comment for comment in comments if not comment.startswith("@package"))
    assert len(first.split()) >= 4
    assert first[0].isupper() or first[0].isdigit()
    assert first.endswith((".", ".)"))


@pytest.mark.parametrize("path", FILES, ids=names)
def test_no_choice_writes_a_value_that_is_not_read(path):
    """A key that YAML reads twice, or as something else than it looks, would be lost in silence."""

    class Unique(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
            assert len(keys) == len(set(keys)), keys
            assert all(isinstance(key, str) for key in keys), keys
            return super().construct_mapping(node, deep)

    yaml.load(path.read_text(), Unique)


@pytest.mark.parametrize(("group", "choice"), CHOICES)
def test_every_choice_composes_and_passes_the_check(group, choice):
    settings = check_train(compose(f"{group}={choice}"))
    assert settings.config["training"]["max_steps"] == (20 if choice == "smoke" else None)


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "dataset"])
def test_every_data_set_can_be_evaluated(choice):
    checked = check_evaluate(compose("checkpoint=run", f"dataset={choice}", name="evaluate"))
    assert isinstance(checked.dataset, DatasetSource)
    assert checked.dataset.name == choice


def test_pairs_of_choices_compose():
    groups = ("regularization", "training", "embedding")
    own = [(group, choice) for group, choice in CHOICES if group in groups]
    for group, choice in own:
        for other, second in own:
            if group < other:
                check_train(compose(f"{group}={choice}", f"{other}={second}"))


# ---------------------------------------------------------------- names: YAML and class agree, both ways


@pytest.mark.parametrize(
    ("group", "choice"), [pair for pair in CHOICES if pair[0] in ("dataset", "embedding", "tokenizer")]
)
def test_keys_are_the_fields_of_the_class(group, choice):
    section = compose(f"{group}={choice}")[group]
    target = section.pop("_target_")
    kind = get_class(target)
    assert set(section) == set(kind.model_fields)
    written = {f"{name}.{key}" for name, part in section.items() if isinstance(part, dict) for key in part}
    assert written == {name for name in dotted_fields(kind) if "." in name}


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "training"])
def test_training_keys_are_the_fields_of_the_class(choice):
    assert set(compose(f"training={choice}")["training"]) == set(TrainingSettings.model_fields)


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "model"])
def test_model_keys_are_the_settings_of_the_network(choice):
    model = compose(f"model={choice}")["model"]
    assert set(model) == {*model_names(), *MatchSettings.model_fields}
    assert {name: model[name] for name in MatchSettings.model_fields} == MatchSettings().model_dump()


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "regularization"])
def test_regularization_changes_known_settings_and_all_of_them_alike(choice):
    written = yaml.safe_load((CONF / "regularization" / f"{choice}.yaml").read_text())
    none = yaml.safe_load((CONF / "regularization" / "none.yaml").read_text())
    # By its name a study of presets knows what differs.
    assert written.pop("regularization") == choice
    assert none.pop("regularization") == "none"
    assert {section: set(values) for section, values in written.items()} == {
        section: set(values) for section, values in none.items()
    }, "a setting of one preset would survive the choice of another"
    config = compose(f"regularization={choice}")
    assert config["regularization"] == choice
    for section, values in written.items():
        assert {name: config[section][name] for name in values} == values


def test_keys_of_the_run_are_the_fields_of_the_class():
    top = {name for name, value in compose().items() if not isinstance(value, dict)}
    assert top == set(RunSettings.model_fields)
    evaluation = compose(name="evaluate")
    assert set(evaluation) - {"dataset", "judging"} == set(EvaluationSettings.model_fields)
    assert evaluation["judging"] == JudgingSettings().model_dump()


def test_names_are_those_of_the_files():
    for group, choice in CHOICES:
        section = compose(f"{group}={choice}")
        if group in ("dataset", "embedding", "tokenizer"):
            assert section[group]["name"] == choice


# ---------------------------------------------------------------- values


def test_the_default_run_is_the_documented_one():
    config = check_train(compose()).config
    assert config["dataset"]["name"] == "bbc_news"
    assert (config["dataset"]["validation_share"], config["dataset"]["test_share"]) == (0.1, 0.2)
    assert config["dataset"]["deduplicate"] == "exact"
    assert config["embedding"]["name"] == "corpus"
    assert (config["model"]["layers"], config["model"]["bidirectional"]) == (2, True)
    assert config["model"]["dropout"] > 0
    assert (config["seed"], config["output_dir"]) == (0, "runs")


def test_no_regularization_is_none():
    config = compose("regularization=none")
    assert not any(value for name, value in config["model"].items() if "drop" in name and not name.endswith("_kind"))
    assert config["training"]["weight_decay"] == config["training"]["label_smoothing"] == 0


@pytest.mark.parametrize(
    ("overrides", "section", "name", "value"),
    [
        (["model.dropout=0.1", "regularization=none"], "model", "dropout", 0.1),
        (["regularization=none", "model.dropout=0.1"], "model", "dropout", 0.1),
        (["training.weight_decay=0.3", "regularization=dropout"], "training", "weight_decay", 0.3),
        (["training.batch_size=5", "training=smoke"], "training", "batch_size", 5),
        (["training=smoke", "training.max_steps=7"], "training", "max_steps", 7),
        (["training=smoke", "training.epochs=3"], "training", "epochs", 3),
        (["model.layers=4", "model=stacked_lstm"], "model", "layers", 4),
        (["dataset.text_column=sentence", "dataset=imdb"], "dataset", "text_column", "sentence"),
        (["tokenizer.max_length=9", "tokenizer=words"], "tokenizer", "max_length", 9),
    ],
)
def test_explicit_values_win_over_any_preset(overrides, section, name, value):
    settings = check_train(compose(*overrides), {override.split("=")[0] for override in overrides})
    found = settings.model if section == "model" else getattr(settings, section).model_dump()
    assert found[name] == value


def test_explicit_epochs_end_the_limit_of_smoke():
    overrides = ["training=smoke", "training.epochs=3"]
    assert check_train(compose(*overrides), {"training", "training.epochs"}).training.max_steps is None
    both = [*overrides, "training.max_steps=5"]
    names_given = {"training", "training.epochs", "training.max_steps"}
    assert check_train(compose(*both), names_given).training.max_steps == 5


def test_presets_of_the_data_sets_that_people_ask_for():
    asked = "imdb ag_news sst2 trec dbpedia yelp_polarity emotion rotten_tomatoes 20_newsgroups".split()
    for name in asked:
        dataset = compose(f"dataset={name}")["dataset"]
        assert re.fullmatch(r"[\w-]+/[\w-]+", dataset["path"])


# ---------------------------------------------------------------- what they describe can be built


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group in ("model", "regularization")])
def test_networks_are_built(choice):
    group = "model" if ("model", choice) in CHOICES else "regularization"
    values = check_train(compose(f"{group}={choice}")).model
    config = StackedLSTMConfig(vocab_size=11, embedding_size=4, num_labels=3, **(values | {"hidden_size": 4}))
    model = StackedLSTMForSequenceClassification(config)
    assert model(torch.tensor([[2, 3, 4]]), torch.ones(1, 3, dtype=torch.long)).logits.shape == (1, 3)


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "tokenizer"])
def test_tokenizers_are_trained(choice):
    tokenizer = check_train(compose(f"tokenizer={choice}")).tokenizer
    assert isinstance(tokenizer, TokenizerSource)
    if choice == "pretrained":
        with pytest.raises(UserError, match=r"tokenizer=pretrained needs a tokenizer"):
            tokenizer.train([])
        return
    trained = tokenizer.train(["two words", "two texts"] * 3)
    # So little text holds no piece that is likelier than its characters.
    assert len(trained("two words").input_ids) == {"characters": 9, "unigram": 7}.get(choice, 2)


@pytest.mark.parametrize("choice", [choice for group, choice in CHOICES if group == "embedding"])
def test_embeddings_are_built(choice, tmp_path):
    overrides = [f"embedding={choice}"]
    if choice not in ("corpus", "random", "transformer"):
        (tmp_path / "v.txt").write_text("a 1 2 3\nb 3 2 1\n")
        overrides.append(f"embedding.{'glove.' * (choice == 'stack')}path={tmp_path / 'v.txt'}")
    source = check_train(compose(*overrides)).embedding
    assert isinstance(source, EmbeddingSource)
    if choice == "transformer":
        with pytest.raises(UserError, match="embedding=transformer needs an encoder"):
            source.build(Vocabulary(["a"]), [[0]])
        return
    table = source.build(Vocabulary(["<pad>", "<unk>", "a", "b", "c"]), [[2, 3, 4], [3, 4], [2, 4, 4]])
    assert table.size >= 1
    assert table.vectors is None or table.vectors.shape == (5, table.size)


# ---------------------------------------------------------------- --help


@pytest.fixture
def page(capsys, monkeypatch):
    """The help of a program, as wide as it wants to be."""
    monkeypatch.setenv("COLUMNS", "300")

    def show(name: str) -> str:
        print_help(CONF, name)
        return re.sub(r"[ \t]+", " ", capsys.readouterr().out)

    return show


def test_help_lists_every_group_and_choice(page):
    text = page("config")
    words = text.split()
    for group, choice in CHOICES:
        comment = next(
            line[1:].strip()
            for line in (CONF / group / f"{choice}.yaml").read_text().splitlines()
            if line.startswith("#") and "@package" not in line
        )
        assert f"{group}={choice}" in words or {group, choice} <= set(words)
        assert comment in text, comment


def shipped(base: type) -> list[type]:
    """The program's own subclasses, without those that other tests define."""
    below = [section for child in base.__subclasses__() for section in (child, *shipped(child))]
    return [section for section in below if section.__module__.startswith("textlstm") and not isabstract(section)]


def shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def test_help_lists_every_setting_with_meaning_and_default(page):
    text, config = page("config"), compose()
    rows = {f"training.{name}": field.description for name, field in TrainingSettings.model_fields.items()}
    rows |= {name: field.description for name, field in RunSettings.model_fields.items()}
    for prefix, base in (("dataset", DatasetSource), ("embedding", EmbeddingSource), ("tokenizer", TokenizerSource)):
        for section in (base, *shipped(base)):
            rows |= {f"{prefix}.{name}": field.description for name, field in dotted_fields(section).items()}
    for name, description in rows.items():
        assert description
        assert re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", text), name
        assert description in text, name
    for part in ("initialization", "match_to"):
        config["model"] |= {f"{part}.{name}": value for name, value in config["model"].pop(part).items()}
    for section in ("model", "training", "tokenizer"):
        for name, value in config[section].items():
            if name == "_target_":
                continue
            assert f"{section}.{name}={shown(value)}" in text.split(), name


def test_help_names_the_settings_of_the_specification(page):
    text = page("config")
    for name in (
        "training.epochs training.batch_size training.learning_rate training.weight_decay training.label_smoothing "
        "training.max_grad_norm training.patience training.precision training.device training.threads "
        "tokenizer.vocabulary_size tokenizer.max_length model.layers model.hidden_size model.pooling "
        "model.bidirectional model.dropout seed resume output_dir debug dataset.train dataset.validation dataset.test "
        "dataset.text_column dataset.label_column dataset.split_seed dataset.path embedding.path"
    ).split():
        assert re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", text), name


def test_help_of_evaluate(page):
    text = page("evaluate")
    for name in (*EvaluationSettings.model_fields, "dataset.test", "dataset.text_column"):
        assert re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", text), name
    assert "training." not in text


@pytest.mark.parametrize("width", ["40", "80", "120"])
def test_help_fits_the_terminal(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", width)
    print_help(CONF, "config")
    long = [line for line in capsys.readouterr().out.splitlines() if len(line.rstrip()) > int(width)]
    assert not long or width == "40", long
