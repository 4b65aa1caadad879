"""docs/simulation.md: its tables are those of the results, nothing that misses is left out, its figures are there and theirs."""

import inspect
import json
import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from benchmarks import simulation_figures as figures
from benchmarks import study_simulation as simulation

RESULTS: dict[str, Any] = json.loads(figures.RESULTS.read_text())
PAGE = (figures.DOCS / "simulation.md").read_text(encoding="utf-8")
Table = list[list[str]]


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}%"


def limits(share: float, studies: int) -> str:
    low, high = figures.monte_carlo(share, studies)
    return f"{100 * low:.1f} to {percent(high)}"


def pick(part: str, **wanted: Any) -> dict[str, Any]:
    found: list[dict[str, Any]] = [row for row in RESULTS[part] if wanted.items() <= row.items()]
    (row,) = found
    return row


# The tables that the page must have, from the results


def misses() -> Table:
    rows = []
    for row in RESULTS["intervals"]:
        if not figures.COVERAGE[0] <= row["coverage"] <= figures.COVERAGE[1]:
            rows.append(miss("intervals hold in 92.5% to 99%", "", row, "coverage"))
    answers = [*RESULTS["recommendation"], *RESULTS["with_examples"]]
    for row in answers:
        if row["wrong"] > figures.MOST_WRONG:
            rows.append(miss("wrong in at most 5%", row["truth"], row, "wrong"))
    for row in answers:
        least = figures.LEAST_RIGHT[row["seeds"]]
        if figures.is_asked(row) and row["right"] < least:
            rows.append(miss(f"right in at least {least:.0%}", row["truth"], row, "right"))
    return [["asked", "truth", "seeds", "examples", "seed share", "found", "Monte-Carlo limits"], *rows]


def miss(asked: str, truth: str, row: dict[str, Any], key: str) -> list[str]:
    examples = f"{row['examples']:,}" if "examples" in row else ""
    share = f"{row['seed_share']:.0%}" if "seed_share" in row else ""
    return [asked, truth, str(row["seeds"]), examples, share, percent(row[key]), limits(row[key], row["studies"])]


def errors() -> Table:
    parts = {
        "intervals": "intervals, each of the 27 cases",
        "recommendation": "answers from one score a run",
        "with_examples": "answers from 2,000 test examples",
        "equivalent": 'the answer "equivalent"',
        "one_standard_error": "the one-standard-error rule",
    }
    assert len(RESULTS["intervals"]) == 27
    studies = {part: RESULTS[part][0]["studies"] for part in parts}
    assert all(row["studies"] == studies[part] for part in parts for row in RESULTS[part])
    words = {words: studies[part] for part, words in parts.items()}
    words["the least favourable truth, each"] = (
        inspect.signature(simulation.least_favourable).parameters["studies"].default
    )
    rows = [
        [name, f"{count:,}", *(f"{100 * math.sqrt(p * (1 - p) / count):.2f} points" for p in (0.05, 0.5))]
        for name, count in words.items()
    ]
    return [["what", "simulated studies", "error of a share of 5% or 95%", "of 50%"], *rows]


def coverage() -> Table:
    cases = sorted({(row["examples"], row["seed_share"]) for row in RESULTS["intervals"]})
    rows = []
    for examples, share in cases:
        found = [pick("intervals", seeds=seeds, examples=examples, seed_share=share) for seeds in (3, 5, 10)]
        held = [percent(row["coverage"]) for row in found]
        widths = [f"± {100 * row['half_width']:.1f}" for row in found]
        rows.append([f"{examples:,}", f"{share:.0%}", *held, *widths])
    heads = [f"{key}, {seeds}" for key in ("holds", "half width") for seeds in (3, 5, 10)]
    return [["examples", "seed share", *heads], *rows]


def answers() -> Table:
    rows = []
    for truth in dict.fromkeys(row["truth"] for row in RESULTS["recommendation"]):
        means, deviations = simulation.TRUTHS.get(truth, simulation.TRUTHS["all equal"])
        found = [pick("recommendation", truth=truth, seeds=seeds) for seeds in (5, 10)]
        shares = [percent(row[key]) for key in ("wrong", "right", "undecided") for row in found]
        rows.append([truth, numbers(means), numbers(deviations), *shares])
    heads = [f"{key}, {seeds}" for key in ("wrong", "right", "undecided") for seeds in (5, 10)]
    return [["truth", "means", "deviations", *heads], *rows]


def numbers(values: Any) -> str:
    return ", ".join(str(Fraction(value).limit_denominator(10)) for value in values)


def with_examples() -> Table:
    rows = []
    for truth, share in dict.fromkeys((row["truth"], row["seed_share"]) for row in RESULTS["with_examples"]):
        found = [pick("with_examples", truth=truth, seed_share=share, seeds=seeds) for seeds in (5, 10)]
        rows.append([truth, f"{share:.0%}", *(percent(row[key]) for key in ("wrong", "right") for row in found)])
    return [["truth", "seed share", *(f"{key}, {seeds}" for key in ("wrong", "right") for seeds in (5, 10))], *rows]


def least_favourable() -> Table:
    rows = [
        [
            *(f"{row[key]:,}" for key in ("levels", "seeds", "truths")),
            *(percent(row[key], 2) for key in ("equal", "worst")),
            ", ".join(f"{value:g}" for value in row["worst_truth"]),
        ]
        for row in RESULTS["least_favourable"]
    ]
    return [["depths", "seeds", "truths", "wrong, all equal", "wrong, the worst", "the worst truth"], *rows]


def equivalent() -> Table:
    words = {0.0: "all equal", 1.0: "one better by the margin, the others far worse"}
    rows = [
        [name, *(percent(pick("equivalent", shift_in_margins=shift, seeds=n)["equivalent"]) for n in (5, 10, 20))]
        for shift, name in words.items()
    ]
    return [['"equivalent" where', *(f"{seeds} seeds" for seeds in (5, 10, 20))], *rows]


def one_standard_error() -> Table:
    rows = [[str(row["seeds"]), percent(row["picks_the_first"])] for row in RESULTS["one_standard_error"]]
    return [["seeds", "the rule names depth 1"], *rows]


# The page


def tables() -> list[Table]:
    blocks = re.findall(r"(?:^\|.*\|\n)+", PAGE, flags=re.MULTILINE)
    rows = [[[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()] for block in blocks]
    assert all(re.fullmatch(r"-+:?", cell) for table in rows for cell in table[1])
    return [[table[0], *table[2:]] for table in rows]


@pytest.mark.parametrize(
    "expected",
    [misses, errors, coverage, answers, with_examples, least_favourable, equivalent, one_standard_error],
    ids=lambda expected: expected.__name__,
)
def test_a_table_is_that_of_the_results(expected: Callable[[], Table]) -> None:
    found = expected()
    lines = "".join(f"| {' | '.join(row)} |\n" for row in found)
    assert found in tables(), f"A table of docs/simulation.md is to be\n{lines}"


def test_there_is_no_other_table() -> None:
    assert len(tables()) == 8


def test_percentages_in_the_text_are_of_the_results_or_are_what_was_asked() -> None:
    known = {"92.5", "99", "5", "65", "90", "95", "10", "50", "85"}
    for part in RESULTS.values():
        for row in part if isinstance(part, list) else []:
            shares = {key: value for key, value in row.items() if isinstance(value, float)}
            known |= {percent(value, digits)[:-1] for value in shares.values() for digits in (1, 2)}
    text = re.sub(r"^\|.*\|$", "", PAGE, flags=re.MULTILINE)
    assert set(re.findall(r"([\d.]+)%", text)) <= known


def test_figures_are_there_and_were_made_from_these_results() -> None:
    named = re.findall(r"!\[[^\]]{20,}\]\((simulation_\w+\.svg)\)", PAGE)
    assert named == [f"simulation_{name}.svg" for name in figures.FIGURES]
    for name in named:
        svg = (figures.DOCS / name).read_text(encoding="utf-8")
        assert f"results {figures.digest(RESULTS)}" in svg, "python -m benchmarks.simulation_figures"
        assert len(svg) < 60_000
        assert "<dc:date>" not in svg


def test_a_figure_is_the_same_every_time() -> None:
    assert figures.picture("coverage", RESULTS) == figures.picture("coverage", RESULTS)


def test_shares_of_answers_make_a_whole() -> None:
    for row in RESULTS["recommendation"]:
        assert sum(figures.answer_shares(row)) == pytest.approx(1, abs=3e-4)


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (figures.DOCS / link).exists(), link
    assert "(simulation.md)" in (figures.DOCS / "study.md").read_text(encoding="utf-8")
