"""The settings of the network: everything needed to rebuild it from `config.json`.

One typed field a setting; the metadata hold its meaning and range, from which the check below,
`train.py --help` and the documentation are made.
"""

import difflib
from dataclasses import field, fields
from typing import Any

from transformers import PreTrainedConfig

POOLING_NAMES = ("last", "mean", "max", "attention", "concat")

# What transformers itself passes beside the declared fields; anything else is a misspelt setting.
FRAMEWORK_KEYS = frozenset(
    [
        "num_labels",
        "name_or_path",
        "model_type",
        "transformers_version",
        "architectures",
        "auto_map",
        "torch_dtype",
        "attn_implementation",
        "experts_implementation",
        "output_attentions",
        "custom_pipelines",
        "use_return_dict",
        "is_encoder_decoder",
        "use_cache",
    ]
)


def setting(default: Any, description: str, **limits: Any) -> Any:
    """A field with its meaning; `low`, `high`, `below` and `choices` limit the value, `per_layer` allows a list."""
    return field(default=default, metadata={"description": description, **limits})


class StackedLSTMConfig(PreTrainedConfig):
    """Configuration of `StackedLSTMForSequenceClassification`.

    With no arguments it regularizes nothing and reads in both directions. Scalars of per-layer
    settings hold for every layer; a list gives one value a layer, the first for the layer that
    reads the embeddings. Raises `ValueError` for a wrong type, a value out of range, a list of the
    wrong length, and an unknown name.
    """

    model_type = "stacked_lstm"
    attribute_map = {"num_hidden_layers": "layers"}
    keys_to_ignore_at_inference = ["hidden_states"]

    vocab_size: int = setting(30_000, "number of tokens of the vocabulary", low=1)
    embedding_size: int = setting(100, "width of the token vectors", low=1)
    layers: int = setting(1, "depth of the stack", low=1)
    hidden_size: int | list[int] = setting(128, "width of one direction of a layer", low=1, per_layer=True)
    bidirectional: bool = setting(True, "read the text in both directions")
    pooling: str = setting("concat", "how states become one vector a text", choices=POOLING_NAMES)
    dropout: float | int | list[float] = setting(
        0.0, "dropout on the output of every layer, one mask a sequence (Gal 2016)", low=0, below=1, per_layer=True
    )
    input_dropout: float | int = setting(
        0.0, "dropout on the token vectors, one mask a sequence (Gal 2016)", low=0, below=1
    )
    pad_token_id: int | None = setting(0, "id of the padding token; its vector stays zero", low=0)

    def __post_init__(self, **kwargs: Any) -> None:
        """Check every value; see the class for what is raised."""
        refuse_unknown(kwargs, self)
        if kwargs.get("num_labels") is not None:
            check_value("num_labels", kwargs["num_labels"], int, {"low": 2})
        super().__post_init__(**kwargs)
        check_value("num_labels", self.num_labels, int, {"low": 2})
        for item in own_fields(type(self)):
            check_field(item, getattr(self, item.name), self.layers)
        if self.pad_token_id is not None and self.pad_token_id >= self.vocab_size:
            raise ValueError(f"pad_token_id={self.pad_token_id} lies outside of vocab_size={self.vocab_size}.")

    @property
    def directions(self) -> int:
        """2 where the text is read in both directions, else 1."""
        return 2 if self.bidirectional else 1

    def per_layer(self, name: str) -> list[Any]:
        """The value of a setting at every layer, first layer first."""
        value = getattr(self, name)
        return list(value) if isinstance(value, list | tuple) else [value] * self.layers


def own_fields(config_class: type) -> list[Any]:
    """The fields that are settings of this network, in order (not those of transformers)."""
    return [item for item in fields(config_class) if "description" in item.metadata]


def refuse_unknown(kwargs: dict[str, Any], config: PreTrainedConfig) -> None:
    """Raise for names that neither this class nor transformers knows."""
    known = {item.name for item in fields(config)} | FRAMEWORK_KEYS | set(config.attribute_map)
    for name in kwargs:
        if name not in known and not name.startswith("_"):
            near = difflib.get_close_matches(name, sorted(known), n=1)
            raise ValueError(
                f"'{name}' is not a setting of {type(config).__name__}."
                + (f" Did you mean '{near[0]}'?" if near else "")
            )


def check_field(item: Any, value: Any, layers: int) -> None:
    """Check one field's type and range; a list must have one value a layer."""
    limits = item.metadata
    kind = (
        "number"
        if "float" in str(item.type)
        else {"int": int, "bool": bool, "str": str}[str(getattr(item.type, "__name__", "int")).split(" ")[0]]
    )
    if isinstance(value, list | tuple):
        if not limits.get("per_layer"):
            raise ValueError(f"{item.name}={value} is a list. It takes one value for the whole network.")
        if len(value) != layers:
            raise ValueError(
                f"{item.name}={list(value)} has {len(value)} values for layers={layers}. Give one value, or one for each layer."
            )
        for entry in value:
            check_value(item.name, entry, kind, limits)
    elif not (value is None and item.name == "pad_token_id"):
        check_value(item.name, value, kind, limits)


def check_value(name: str, value: Any, kind: Any, limits: Any) -> None:
    """Check one scalar."""
    allowed = describe_limits(kind, limits)
    fits = isinstance(value, (int, float) if kind == "number" else kind) and (
        kind is bool or not isinstance(value, bool)
    )
    if fits and "choices" in limits:
        fits = value in limits["choices"]
    if fits and "low" in limits:
        fits = value >= limits["low"]  # a NaN fails this
    if fits and "below" in limits:
        fits = value < limits["below"]
    if not fits:
        raise ValueError(f"{name}={value!r} is not allowed. It takes {allowed}.")


def describe_limits(kind: Any, limits: Any) -> str:
    """The allowed values in words."""
    if "choices" in limits:
        return "one of " + ", ".join(map(str, limits["choices"]))
    if kind is bool:
        return "true or false"
    words = "a whole number" if kind is int else "a number" if kind == "number" else "text"
    if "low" in limits:
        words += f" of at least {limits['low']}"
    if "below" in limits:
        words += f" and below {limits['below']}"
    return words
