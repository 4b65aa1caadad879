"""`docs/speed.md` and `docs/use.md` state the figures of the benchmarks' results."""

import json
from pathlib import Path

import pytest

from benchmarks.speed import markdown

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")


def read(name):
    return json.loads((RESULTS / name).read_text())


@pytest.mark.parametrize(
    ("threads", "mode"), [("threads-1", "training"), ("threads-2", "training"), ("threads-1", "prediction")]
)
def test_tables_of_speed(threads, mode):
    assert markdown(read("speed.json")[threads]["rows"], mode) in PAGE


@pytest.mark.parametrize("threads", ["threads-1", "threads-2"])
def test_tables_of_speed_with_wider_vectors(threads):
    found = read("speed_avx512.json")[threads]
    assert found["capability"] == "AVX512"
    assert markdown(found["rows"], "training") in PAGE


def test_growth_memory_and_peers():
    growth = read("growth.json")
    for row in growth["steps"]:
        cells = [row[name] for name in ("grown", "layers", "length", "batch")]
        assert f"| {' | '.join(map(str, cells))} | {row['ours']:.1f} | {row['packed']:.1f} |" in PAGE
    memory = growth["memory_mib"]
    assert f"at most: {memory['ours']:.0f} MiB, {memory['packed']:.0f} with" in PAGE
    peers = read("peers.json")
    for peer in ("keras", "flair"):
        for row in peers[f"{peer}, threads 1"]:
            cells = (peer.capitalize(), row["layers"], row["recurrent_dropout"], f"{row['slower']:.1f}")
            assert f"| {' | '.join(map(str, cells))} |" in PAGE
    assert f"takes {peers['fasttext, threads 1'][0]['slower']:.2f} times the time of ours" in PAGE


def test_figures_of_use():
    page, found = (ROOT / "docs" / "use.md").read_text(encoding="utf-8"), read("use.json")
    for row in found["milliseconds_of_one_text"]:
        native, fused, onnx, int8 = (row[name] for name in ("torch_native", "torch_fused", "onnx", "int8"))
        (line,) = [
            line for line in page.splitlines() if line.startswith(f"| {row['tokens']} |") and line.count("|") == 8
        ]
        stated = [float(cell) for cell in line.strip("| ").split(" | ")[1:]]
        assert stated == pytest.approx([native, fused, onnx, int8, native / int8, fused / int8], rel=0.02)
    for row in found["texts_per_second"]:
        assert f"| {row['mean_tokens']} | {row['torch']:,} | {row['onnx']:,} | {row['torch_over_onnx']:.2f} |" in page
