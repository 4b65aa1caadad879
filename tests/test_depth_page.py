"""`docs/depth.md` says what the results say: its tables, its figure and the numbers of its claims."""

from pathlib import Path

from benchmarks.depth_figure import FIGURE
from benchmarks.depth_studies import STUDIES, load, markdown
from benchmarks.simulation_figures import digest

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "depth.md").read_text(encoding="utf-8")
RESULTS = load()


def test_every_study_is_there_and_its_table_on_the_page():
    assert set(RESULTS) == set(STUDIES)
    for study in RESULTS.values():
        assert markdown(study) in PAGE
        assert [level["layers"] for level in study["depths"]] == [1, 2, 3, 4]
        assert study["factors"]["seed"] == [0, 1, 2, 3, 4]


def test_the_figure_is_that_of_the_results():
    assert f"results {digest(RESULTS)}" in FIGURE.read_text(encoding="utf-8")


def test_budgets_are_equal_where_they_are_said_to_be():
    for name, study in RESULTS.items():
        sizes = [level["stack_parameters"] for level in study["depths"]]
        assert (max(sizes) / min(sizes) < 1.02) == name.endswith("-parameters")


def test_what_the_page_claims_of_all_studies_is_so():
    for name, study in RESULTS.items():
        expected = "equivalent" if name == "bbc-width" else "undecided"
        assert study["recommendation"]["answer"] == expected, name
        for level in study["depths"][1:]:
            assert level["against_first"]["low"] < 0, "a deeper one is better"
    for name in RESULTS:
        excess = [level["overfitting"]["excess_loss"]["mean"] for level in RESULTS[name]["depths"]]
        assert excess == sorted(excess, reverse=True)
        fitted = [level["last"]["train"]["accuracy"]["mean"] for level in RESULTS[name]["depths"]]
        assert fitted == sorted(fitted, reverse=True)
    assert RESULTS["sst2-width"]["depths"][2]["against_first"]["high"] < 0
    assert RESULTS["sst2-parameters"]["depths"][3]["against_first"]["high"] < 0
    assert RESULTS["bbc-width"]["recommendation"]["layers"] == 1
    assert RESULTS["bbc-width"]["depths"][3]["against_first"]["high"] < 0
    rule = {name: study["one_standard_error"]["layers"] for name, study in RESULTS.items()}
    assert [rule[name] for name in STUDIES] == [1, 1, 2, 2, 2]
    for name in ("width", "parameters"):
        shared = [
            RESULTS[f"{data}-{name}"]["depths"][1]["best"]["test"]["accuracy"]["by_seed"] for data in ("trec6", "sst2")
        ]
        assert shared == [
            RESULTS[f"{data}-width"]["depths"][1]["best"]["test"]["accuracy"]["by_seed"] for data in ("trec6", "sst2")
        ]
