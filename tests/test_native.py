"""The native recurrence against the readable one, whose equations other tests check: same masks, same numbers, same gradients."""

import os
import subprocess
import sys
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.contract.networks import EMBEDDING, copy_weights, network, reseed
from tests.contract.table import TABLE, TOGETHER, UNBOUNDED
from textlstm import kernels
from textlstm.kernels import build
from textlstm.model.native import NativeRecurrence, Packing, native_layer

pytestmark = [UNBOUNDED, pytest.mark.skipif(kernels.load() is None, reason="no C++ compiler here")]

CELLS: list[dict[str, Any]] = [
    {},
    *({"activation": name} for name in ("relu", "hardtanh", "softsign", "elu", "gelu", "identity")),
    {"recurrent_activation": "hardsigmoid"},
    {"layer_norm": True},
    {"zoneout_cell": 0.3},
    {"zoneout_hidden": 0.2},
    *(
        {"recurrent_dropout": 0.4, "recurrent_dropout_kind": kind}
        for kind in ("variational", "candidate", "candidate_elementwise")
    ),
    {"weight_drop": 0.4},
]
"""Every switch inside the recurrence alone."""

ALL = [
    {
        "layer_norm": True,
        "zoneout_cell": 0.3,
        "zoneout_hidden": 0.2,
        "recurrent_dropout": 0.4,
        "recurrent_dropout_kind": kind,
        "weight_drop": 0.2,
        "activation": activation,
        "recurrent_activation": gate,
    }
    for kind, activation, gate in (
        ("variational", "tanh", "sigmoid"),
        ("candidate", "gelu", "sigmoid"),
        ("candidate_elementwise", "softsign", "hardsigmoid"),
    )
]
"""All switches together."""


def lengths_of(batch: int, longest: int, seed: int) -> Tensor:
    return torch.randint(1, longest + 1, (batch,), generator=torch.Generator().manual_seed(seed))


def outcome(model: Any, inputs: Tensor, lengths: Tensor, training: bool) -> list[Tensor]:
    """All layers' states and the gradients of inputs and weights, for a loss in which every state counts differently."""
    model.train(training)
    inputs = inputs.clone().requires_grad_()
    mask = torch.arange(inputs.size(1)) < lengths.unsqueeze(1)
    reseed()
    states, undropped = model.stack(inputs, lengths, mask)
    weights = torch.randn(undropped.shape, generator=torch.Generator().manual_seed(7), dtype=undropped.dtype)
    (states[-1] * weights).sum().backward()
    gradients = [weight.grad for weight in model.stack.parameters()]
    for weight in model.stack.parameters():
        weight.grad = None
    return [*states, inputs.grad, *gradients]  # type: ignore[list-item]


def disagreement(
    *, batch: int = 6, longest: int = 9, training: bool = True, dtype: torch.dtype = torch.float64, **settings: Any
) -> float:
    """The largest difference between native and reference in states and gradients, as a share of the largest value (or 1)."""
    models = [network(**settings, recurrence=name).to(dtype) for name in ("native", "reference")]
    copy_weights(*models)
    lengths = lengths_of(batch, longest, seed=batch)
    inputs = torch.randn(batch, longest + 2, EMBEDDING, generator=torch.Generator().manual_seed(1), dtype=dtype)
    found = [outcome(model, inputs, lengths, training) for model in models]
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape
    return max(
        float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1))
        for ours, theirs in (map(torch.detach, pair) for pair in zip(*found, strict=True))
    )


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("settings", [*CELLS, *ALL], ids=str)
def test_states_and_gradients_are_those_of_the_reference(settings, bidirectional, layers):
    for training in (True, False):
        found = disagreement(layers=layers, bidirectional=bidirectional, training=training, **settings)
        assert found < 1e-10


@pytest.mark.parametrize("batch", [1, 2, 33])
@pytest.mark.parametrize("width", [1, 7, 96, 250])
@pytest.mark.parametrize("settings", [{}, *ALL], ids=["plain", "all", "all, gelu", "all, softsign"])
def test_any_width_and_any_batch(settings, width, batch):
    settings = settings | ({"layer_norm": False} if width == 1 else {})  # of one number there is nothing to normalise
    assert disagreement(layers=2, hidden_size=width, batch=batch, **settings) < 1e-10


@pytest.mark.parametrize("settings", [*CELLS, *ALL], ids=str)
def test_float32(settings):
    tolerance = 1e-4 if settings.get("layer_norm") else 1e-5
    assert disagreement(layers=2, hidden_size=24, dtype=torch.float32, **settings) < tolerance


@pytest.mark.parametrize(
    ("row", "bidirectional"),
    [(row, both) for row in (*TABLE, *TOGETHER) if row.setting != "recurrence" for both in row.readings],
    ids=str,
)
def test_every_setting_of_the_network_beside_it(row, bidirectional):
    layers = 3 if 3 in row.depths else row.depths[-1]
    values = {"layers": layers} | {name: value for name, value in row.values.items() if name != "bidirectional"}
    assert disagreement(bidirectional=bidirectional, **values) < 1e-10


def test_layers_of_their_own():
    lists = {
        "hidden_size": [3, 8, 5],
        "activation": ["relu", "tanh", "gelu"],
        "layer_norm": [False, True, False],
        "zoneout_cell": [0.0, 0.0, 0.3],
        "recurrent_dropout": [0.3, 0.0, 0.2],
        "recurrent_dropout_kind": ["candidate", "variational", "candidate_elementwise"],
    }
    assert disagreement(layers=3, **lists) < 1e-10


def test_empty_texts_give_zeros_and_no_gradient():
    models = [network(layers=2, recurrence=name) for name in ("native", "reference")]
    for lengths in (torch.tensor([0, 4, 0]), torch.tensor([0, 0, 0])):
        inputs = torch.randn(3, 5, EMBEDDING, dtype=torch.float64)
        native, reference = (outcome(model, inputs, lengths, training=False) for model in models)
        for ours, theirs in zip(native, reference, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)
        assert (native[1][lengths == 0] == 0).all()


@pytest.mark.parametrize("settings", [{}, ALL[1]], ids=["plain", "all"])
def test_padding_and_the_order_of_texts_change_nothing(settings):
    model = network(layers=2, recurrence="native", **settings)
    lengths = torch.tensor([5, 1, 9, 3])
    inputs = torch.randn(4, 9, EMBEDDING, dtype=torch.float64)
    states = outcome(model, inputs, lengths, training=False)
    wide = torch.cat([inputs, torch.full((4, 6, EMBEDDING), float("nan"), dtype=torch.float64)], dim=1)
    padded = outcome(model, wide, lengths, training=False)
    torch.testing.assert_close(padded[1][:, :9], states[1], rtol=0, atol=1e-12)
    assert (padded[1][:, 9:] == 0).all()
    assert torch.isfinite(padded[2][:, :9]).all()
    turned = outcome(model, inputs.flip(0), lengths.flip(0), training=False)
    torch.testing.assert_close(turned[1].flip(0), states[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"layer_norm": True, "zoneout_hidden": 0.2, "activation": "gelu"}], ids=str)
def test_gradcheck(settings):
    layer = network(layers=1, hidden_size=3, recurrence="native", **settings).eval().stack.layers[0]
    packing = Packing(torch.tensor([3, 1, 2]), 3, slices=2)
    inputs = torch.randn(3, 3, EMBEDDING, dtype=torch.float64, requires_grad=True)
    weights = [weight for weight in layer.parameters() if weight.ndim == 2]

    def states(inputs: Tensor, *_: Tensor) -> Tensor:
        return native_layer(inputs, packing, dict(layer.directions.items()))

    assert torch.autograd.gradcheck(states, (inputs, *weights))


@pytest.mark.parametrize("settings", [{}, *ALL], ids=str)
def test_the_graph_may_be_walked_twice(settings):
    model = network(layers=2, recurrence="native", **settings).train()
    inputs = torch.randn(2, 4, EMBEDDING, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([4, 2])
    states, _ = model.stack(inputs, lengths, torch.arange(4) < lengths.unsqueeze(1))
    wanted = [inputs, *model.stack.parameters()]
    first, second, third = (torch.autograd.grad(states[-1].sum(), wanted, retain_graph=True) for _ in range(3))
    assert all(map(torch.equal, first, second))
    assert all(map(torch.equal, first, third))
    assert float(first[0].abs().sum()) > 0


@pytest.mark.parametrize("settings", CELLS, ids=str)
def test_without_a_backward_the_states_are_the_same(settings):
    """Where nothing is kept for it; texts of many steps, so that their projection is made in parts."""
    model = network(layers=2, hidden_size=20, recurrence="native", **settings).eval()
    inputs, lengths = torch.randn(40, 70, EMBEDDING, dtype=torch.float64), lengths_of(40, 70, seed=4)
    lengths[7] = 0
    mask = torch.arange(70) < lengths.unsqueeze(1)
    kept, _ = model.stack(inputs, lengths, mask)
    with torch.no_grad():
        alone, _ = model.stack(inputs, lengths, mask)
    assert kept[-1].requires_grad
    for ours, theirs in zip(alone, kept, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("batch", "longest"), [(700, 3), (40, 70), (1, 600)])
def test_projections_in_parts_are_those_of_the_reference(batch, longest):
    assert disagreement(layers=2, hidden_size=5, batch=batch, longest=longest) < 1e-10


@pytest.mark.parametrize(("threads", "bidirectional"), product((1, 2, 3), (False, True)))
def test_the_same_bits_every_time_at_any_number_of_threads(threads, bidirectional):
    model = network(layers=2, hidden_size=40, bidirectional=bidirectional, recurrence="native", **ALL[0]).float()
    inputs, lengths = torch.randn(33, 12, EMBEDDING), lengths_of(33, 12, seed=3)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        first, *others = (outcome(model, inputs, lengths, training=True) for _ in range(3))
    finally:
        torch.set_num_threads(before)
    for other in others:
        assert all(map(torch.equal, first, other))
    alone = outcome(model, inputs, lengths, training=True)
    for ours, theirs in zip(first, alone, strict=True):
        assert float((ours - theirs).detach().abs().max()) < 1e-5 * max(1.0, float(theirs.detach().abs().max()))


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize("slices", [1, 2, 5])
def test_rows_are_every_token_once_and_steps_are_the_first_texts(slices):
    lengths = torch.tensor([3, 0, 5, 1, 5, 2])
    packing = Packing(lengths, time=6, slices=slices)
    tokens = {(text, step) for text, length in enumerate(lengths.tolist()) for step in range(length)}
    assert {divmod(int(place), 6) for place in packing.forward_places} == tokens
    assert sorted(packing.reverse_places.tolist()) == sorted(packing.forward_places.tolist())
    assert sorted(packing.order.tolist()) == list(range(6))
    for part in packing.slices:
        row = part.first_row
        for step, size in enumerate(part.sizes.tolist()):
            rows = slice(row, row + size)
            assert packing.step[rows].tolist() == [step] * size
            texts = packing.order[part.first_text : part.first_text + size]
            assert packing.text[rows].tolist() == texts.tolist()
            assert (lengths[texts] > step).all()
            row += size
    assert sum(int(part.sizes.sum()) for part in packing.slices) == int(lengths.sum())


def test_gates_that_are_leaves_keep_their_values():
    gates = torch.randn(2, 8, dtype=torch.float64, requires_grad=True)
    kept, weight = gates.detach().clone(), torch.randn(8, 2, dtype=torch.float64, requires_grad=True)
    packing = Packing(torch.tensor([2]), time=2, slices=1)
    settings = network(layers=1, layer_norm=True).stack.layers[0].directions["forward_direction"].settings
    fixed, gains = [{"places": packing.forward_places}], [torch.ones(size, dtype=torch.float64) for size in (8, 2, 2)]
    bias = torch.zeros(8, dtype=torch.float64)
    NativeRecurrence.apply(packing, settings, False, True, fixed, None, gates, None, bias, weight, *gains)
    assert torch.equal(gates, kept)


# ---------------------------------------------------------------- where it comes from


def python(code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_it_is_built_once_into_the_users_cache_and_said(tmp_path):
    code = "from textlstm import kernels; assert kernels.load() is not None"
    first, second = (python(code, TEXTLSTM_CACHE=str(tmp_path / "cache")) for _ in range(2))
    assert first.returncode == second.returncode == 0, first.stderr
    assert "building the native kernel" in first.stderr
    assert second.stderr == ""
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".so"]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"CXX": "no-such-compiler"}, "there is no C++ compiler (no-such-compiler)"),
        ({"CXX": "false"}, "false failed"),
        ({"TEXTLSTM_KERNEL": "off"}, ""),
    ],
    ids=["no compiler", "one that fails", "switched off"],
)
def test_without_it_everything_works_and_says_so(tmp_path, variables, says):
    code = (
        "import torch, textlstm; from textlstm import *;"
        "model = StackedLSTMForSequenceClassification(StackedLSTMConfig(vocab_size=9, layers=2, zoneout_cell=0.1));"
        "model(torch.tensor([[3, 4]])); print(model.stack.recurrence)"
    )
    done = python(code, TEXTLSTM_CACHE=str(tmp_path / "cache"), **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "reference"
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == (2 if says else 0)


def test_a_cache_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    done = python(
        "from textlstm import kernels; assert kernels.load() is None", TEXTLSTM_CACHE=str(tmp_path / "file" / "x")
    )
    assert done.returncode == 0, done.stderr
    assert "no native kernel, torch's own are used" in done.stderr


def test_another_source_compiler_or_processor_is_another_file(monkeypatch, tmp_path):
    paths = {build.library_path()}
    monkeypatch.setenv("TEXTLSTM_KERNEL_FLAGS", "-g")
    paths.add(build.library_path())
    monkeypatch.setenv("CXX", "clang++")
    paths.add(build.library_path())
    here = torch.backends.cpu.get_cpu_capability()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2" if here == "AVX512" else "AVX512")
    paths.add(build.library_path())
    other = tmp_path / "other.cpp"
    other.write_text("")
    monkeypatch.setattr(build, "SOURCE", other)
    paths.add(build.library_path())
    assert len(paths) == 5


@pytest.mark.slow
def test_the_portable_code_of_torchs_headers_gives_the_same(tmp_path):
    """No vector units at all, as on a processor that torch has no words for."""
    code = (
        "import torch; torch.backends.cpu.get_cpu_capability = lambda: 'DEFAULT';"
        "import sys, pytest; sys.exit(pytest.main(['-q', '-x', 'tests/test_native.py', '-k', 'reference or float32', '-p', 'no:cacheprovider']))"
    )
    done = python(code, TEXTLSTM_CACHE=str(tmp_path))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["address", "undefined"])
def test_sanitizers_find_nothing(tmp_path, sanitizer):
    library = subprocess.run(
        [build.compiler(), f"-print-file-name=lib{'asan' if sanitizer == 'address' else 'ubsan'}.so"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    code = (
        "import sys, pytest; sys.exit(pytest.main(['-q', '-x', 'tests/test_native.py', '-p', 'no:cacheprovider',"
        "'-k', 'reference or width or empty or bits']))"
    )
    done = python(
        code,
        TEXTLSTM_CACHE=str(tmp_path),
        TEXTLSTM_KERNEL_FLAGS=f"-fsanitize={sanitizer} -fno-sanitize-recover=all -g -O1",
        LD_PRELOAD=library,
        ASAN_OPTIONS="detect_leaks=0",
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
