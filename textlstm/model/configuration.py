"""The settings of the network: everything needed to rebuild it from `config.json`.

One typed field a setting; the metadata hold its meaning and range, from which the checks,
`train.py --help` and the documentation are made.
"""

from dataclasses import field
from typing import Any

from transformers import PreTrainedConfig

from .checking import check_field, check_thresholds, check_value, own_fields, refuse_unknown, setting
from .contract import check_contract
from .encoder import check_encoder

POOLING_NAMES = ("last", "mean", "max", "attention", "concat")
ACTIVATION_NAMES = ("tanh", "relu", "hardtanh", "softsign", "elu", "gelu", "identity")
RECURRENT_ACTIVATION_NAMES = ("sigmoid", "hardsigmoid")
WEIGHT_INITIALIZATIONS = ("xavier", "orthogonal", "he", "uniform")
RATE = {"low": 0, "below": 1}

DEFAULT_THRESHOLD = 0.5
"""From which probability on a class is an answer, where several may be and nothing was tuned."""

INITIALIZATION = {
    "input": ("xavier", {"choices": WEIGHT_INITIALIZATIONS}),
    "recurrent": ("orthogonal", {"choices": WEIGHT_INITIALIZATIONS}),
    "forget_bias": (1.0, {}),
    "chrono": (None, {"low": 3, "optional": True}),
}
"""Key of `initialization` -> default and limits."""

SCALED = (
    "word_dropout",
    "type_dropout",
    "embedding_dropout",
    "input_dropout",
    "dropout",
    "recurrent_dropout",
    "weight_drop",
    "zoneout_cell",
    "zoneout_hidden",
    "activation_regularization",
    "temporal_activation_regularization",
)
"""Settings that `regularization_scale` multiplies."""


class StackedLSTMConfig(PreTrainedConfig):
    """Configuration of `StackedLSTMForSequenceClassification`.

    With no arguments it regularizes nothing and reads in both directions. Scalars of per-layer
    settings hold for every layer; a list gives one value a layer, the first for the layer that
    reads the embeddings. Raises `ValueError` for a wrong type, a value out of range, a list of the
    wrong length, an unknown name, and a value that could have no effect.
    """

    model_type = "stacked_lstm"
    attribute_map = {"num_hidden_layers": "layers"}
    keys_to_ignore_at_inference = ["hidden_states", "penalty"]

    vocab_size: int = setting(30_000, "number of tokens of the vocabulary", low=1)
    embedding_size: int = setting(100, "width of the token vectors", low=1)
    pad_token_id: int | None = setting(0, "id of the padding token; its vector stays zero", low=0, optional=True)
    unk_token_id: int | None = setting(1, "id of the unknown token, which word dropout puts in", low=0, optional=True)
    encoder: dict | None = setting(  # type: ignore[type-arg]
        None, "pretrained encoder whose states are the token vectors: its configuration, features and special tokens"
    )

    layers: int = setting(1, "depth of the stack", low=1)
    hidden_size: int | list[int] = setting(128, "width of one direction of a layer", low=1, per_layer=True)
    bidirectional: bool = setting(True, "read the text in both directions")
    pooling: str = setting("concat", "how states become one vector a text", choices=POOLING_NAMES)
    connections: str = setting(
        "none",
        "what a layer receives beside the states below: none, residual (He 2016), highway (Srivastava 2015), dense (Huang 2017)",
        choices=("none", "residual", "highway", "dense"),
    )
    readout: str = setting(
        "top", "which layers are pooled: the top, all side by side, or a learned mix", choices=("top", "all", "mix")
    )

    activation: str | list[str] = setting(
        "tanh", "on candidate and cell output", choices=ACTIVATION_NAMES, per_layer=True
    )
    recurrent_activation: str | list[str] = setting(
        "sigmoid", "on the three gates", choices=RECURRENT_ACTIVATION_NAMES, per_layer=True
    )
    layer_norm: bool | list[bool] = setting(
        False, "layer normalisation of input projection, state projection and cell (Ba 2016)", per_layer=True
    )
    initialization: dict = setting(  # type: ignore[type-arg]
        None, "first weights: input, recurrent, forget_bias, chrono"
    )

    word_dropout: float | int = setting(0.0, "share of tokens that become unknown, drawn per position", **RATE)
    type_dropout: float | int = setting(
        0.0, "share of token types of a sequence whose vectors become zero (Gal 2016)", **RATE
    )
    embedding_dropout: float | int = setting(
        0.0, "share of rows of the table that are zero for a batch (Merity 2018)", **RATE
    )
    input_dropout: float | int = setting(0.0, "dropout on the token vectors, one mask a sequence (Gal 2016)", **RATE)
    dropout: float | int | list[float] = setting(0.0, "dropout on the output of every layer", **RATE, per_layer=True)
    dropout_kind: str | list[str] = setting(
        "variational",
        "variational: one mask a sequence (Gal 2016); elementwise: a new one each step",
        choices=("variational", "elementwise"),
        per_layer=True,
    )
    recurrent_dropout: float | int | list[float] = setting(
        0.0, "dropout inside the recurrence of every layer and direction", **RATE, per_layer=True
    )
    recurrent_dropout_kind: str | list[str] = setting(
        "variational",
        "variational: on h[t-1], one mask a sequence, the same for all gates (Gal 2016); candidate: on the candidate, one mask "
        "a sequence; candidate_elementwise: a new one each step (Semeniuta 2016)",
        choices=("variational", "candidate", "candidate_elementwise"),
        per_layer=True,
    )
    weight_drop: float | int | list[float] = setting(
        0.0,
        "share of recurrent weights that are zero for a batch, every layer and direction (Merity 2018)",
        **RATE,
        per_layer=True,
    )
    zoneout_cell: float | int | list[float] = setting(
        0.0, "chance that a unit's cell state stays as it was (Krueger 2017)", **RATE, per_layer=True
    )
    zoneout_hidden: float | int | list[float] = setting(
        0.0, "chance that a unit's hidden state stays as it was (Krueger 2017)", **RATE, per_layer=True
    )
    activation_regularization: float | int = setting(
        0.0, "weight of the mean square of the last layer's dropped states in the training loss (Merity 2017)", low=0
    )
    temporal_activation_regularization: float | int = setting(
        0.0, "weight of the mean square of the last layer's steps in time in the training loss (Merity 2017)", low=0
    )
    regularization_scale: float | int = setting(
        1.0, "multiplies every rate above, label smoothing and weight decay", low=0
    )

    recurrence: str = setting(
        "auto",
        "how the steps are computed: native (our C++ kernel, CPU), fused (torch's kernels), reference (a readable loop); native and reference run every setting; auto",
        choices=("auto", "native", "fused", "reference"),
    )

    # No setting: for several labels a text, the probability from which on each class is an answer, tuned on validation.
    thresholds: list[float] | None = field(default=None)

    def __post_init__(self, **kwargs: Any) -> None:
        """Check every value; see the class for what is raised."""
        refuse_unknown(kwargs, self)
        if kwargs.get("num_labels") is not None:
            check_value("num_labels", kwargs["num_labels"], int, {"low": 2})
        self.initialization = complete_initialization(self.initialization)
        check_encoder(self.encoder)
        super().__post_init__(**kwargs)
        check_value("num_labels", self.num_labels, int, {"low": 2})
        for item in own_fields(type(self)):
            if item.name not in ("initialization", "encoder"):
                check_field(item, getattr(self, item.name), self.layers)
        check_thresholds(self.thresholds, self.num_labels, self.multi_label)
        check_contract(self)

    @property
    def multi_label(self) -> bool:
        """Whether a text may have several labels, as transformers' `problem_type` says."""
        return bool(self.problem_type == "multi_label_classification")

    @property
    def directions(self) -> int:
        """2 where the text is read in both directions, else 1."""
        return 2 if self.bidirectional else 1

    def per_layer(self, name: str) -> list[Any]:
        """The effective value of a setting at every layer, first layer first; rates are scaled."""
        value = getattr(self, name)
        values = list(value) if isinstance(value, list | tuple) else [value] * self.layers
        return [entry * self.regularization_scale for entry in values] if name in SCALED else values

    def effective(self, name: str) -> Any:
        """The effective value of a setting of the whole network; rates are scaled."""
        value = getattr(self, name)
        return value * self.regularization_scale if name in SCALED else value


def complete_initialization(given: Any) -> dict[str, Any]:
    """`initialization` with its defaults, checked."""
    given = {} if given is None else given
    if not isinstance(given, dict):
        raise ValueError(f"initialization={given!r} is not allowed. It takes the keys {', '.join(INITIALIZATION)}.")
    for name in given:
        if name not in INITIALIZATION:
            raise ValueError(f"'initialization.{name}' is not a setting. Known: {', '.join(INITIALIZATION)}.")
    complete = {name: given.get(name, default) for name, (default, _) in INITIALIZATION.items()}
    for name, (_, limits) in INITIALIZATION.items():
        kind = {"input": str, "recurrent": str, "forget_bias": float, "chrono": int}[name]
        check_value(f"initialization.{name}", complete[name], kind, limits)
    return complete
