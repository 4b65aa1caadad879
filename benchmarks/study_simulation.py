"""How often the study's intervals hold and its answers are wrong, where the truth is known.

    python -m benchmarks.study_simulation

Writes `benchmarks/results/study_simulation.json`: about six minutes on one core.

Networks and answers: network s of depth d answers example i rightly where m_d + a_ds + b_i + c_di +
e_dsi > 0, all normal: a the seed, b how easy the example is, c what the depth does to it, e what only
this network does. The seed's share is that of the variance of one network's test accuracy, over
networks and draws of the test split. Networks being given, examples are independent of each other, so
the counts of the 2^S patterns of right and wrong are multinomial: drawing these draws the table [S, N]
without making it.
"""

import json
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from textlstm.study.claims import confirmed, critical_values, is_equivalent
from textlstm.study.intervals import Interval, from_mean_squares, limits, two_way
from textlstm.study.recommendation import one_standard_error
from textlstm.study.spread import Spread, spread

ACCURACY = 0.85
EASE = 2.0
"""Standard deviation of b in units of e."""
NODES = 41
MARGIN = 0.005
SEED_SD = 0.01
"""One percentage point, in which the truths below count."""

TRUTHS: dict[str, tuple[Sequence[float], Sequence[float]]] = {
    "all equal": ((0, 0, 0, 0), (1, 1, 1, 1)),
    "one better: the first": ((2, 0, 0, 0), (1, 1, 1, 1)),
    "one better: the second": ((0, 2, 0, 0), (1, 1, 1, 1)),
    "one better: the third": ((0, 0, 2, 0), (1, 1, 1, 1)),
    "one better: the fourth": ((0, 0, 0, 2), (1, 1, 1, 1)),
    "all deeper better": ((0, 2, 2, 2), (1, 1, 1, 1)),
    "rising by 2": ((0, 2, 4, 6), (1, 1, 1, 1)),
    "best in the middle": ((0, 2, 4, 2), (1, 1, 1, 1)),
    "rising by 2/3": ((0, 2 / 3, 4 / 3, 2), (1, 1, 1, 1)),
    "two better": ((0, 0, 2, 2), (1, 1, 1, 1)),
    "pairs, each 1 above the one before": ((0, 0, 1, 1), (1, 1, 1, 1)),
    "three pairs, each 1 above the one before": ((0, 0, 1, 1, 2, 2), (1,) * 6),
    "deeper better by the margin": ((0, 0.5, 0.5, 0.5), (1, 1, 1, 1)),
    "unequal variances, 1 to 2, equal means": ((0, 0, 0, 0), (1, 1, 2, 2)),
    "unequal variances, 1 to 4, equal means": ((0, 0, 0, 0), (1, 1, 2, 4)),
    "unequal variances, 4 to 1, equal means": ((0, 0, 0, 0), (4, 2, 1, 1)),
    "unequal variances, 8 at the first, equal means": ((0, 0, 0, 0), (8, 1, 1, 1)),
    "unequal variances, 8 at the last, equal means": ((0, 0, 0, 0), (1, 1, 1, 8)),
}
"""Means and seed standard deviations of the depths, in units of `SEED_SD`."""

RIGHT = ("one better", "all deeper better", "rising by 2", "best in the middle")
"""Truths in which the best depth is two standard deviations above every shallower one."""


def main() -> None:
    """All parts, one after the other."""
    begun = time.process_time()
    result = {
        "intervals": [
            coverage(seeds, examples, share, studies=4000)
            for seeds in (3, 5, 10)
            for examples in (200, 2000, 25_000)
            for share in (0.1, 0.5, 0.9)
        ],
        "shortcut": [check_shortcut(seeds, studies=4000) for seeds in (3, 5)],
        "recommendation": [
            answers(name, seeds, studies=5000) for seeds in (5, 10) for name in (*TRUTHS, *diverged_names())
        ],
        "with_examples": [
            answers_with_examples(name, seeds, share, studies=1000)
            for seeds in (5, 10)
            for share in (0.5, 0.9)
            for name in ("all equal", "one better: the fourth", "all deeper better", "rising by 2/3")
        ],
        "least_favourable": [least_favourable(levels, seeds) for levels in (2, 3, 4) for seeds in (5, 10)],
        "equivalent": [equivalence(shift, seeds, studies=4000) for shift in (0.0, 1.0) for seeds in (5, 10, 20)],
        "one_standard_error": [heuristic(seeds, studies=20_000) for seeds in (5, 10)],
    }
    result["processor_seconds"] = round(time.process_time() - begun)
    path = Path(__file__).resolve().parent / "results" / "study_simulation.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    for part in (
        "intervals",
        "recommendation",
        "with_examples",
        "least_favourable",
        "equivalent",
        "one_standard_error",
    ):
        print(part)
        for row in result[part]:
            print("  " + ", ".join(f"{key} {value}" for key, value in row.items()))


# Intervals


def coverage(seeds: int, examples: int, share: float, *, studies: int) -> dict[str, Any]:
    """How often the 95% interval of `two_way` holds the mean over all networks and examples."""
    rng = np.random.default_rng([seeds, examples, round(10 * share)])
    level, scatter = networks(share, examples)
    found = [interval_of_patterns(*patterns(rng, seeds, examples, level, scatter)) for _ in range(studies)]
    inside = [each.low <= ACCURACY <= each.high for each in found if each.low is not None and each.high is not None]
    return {
        "seeds": seeds,
        "examples": examples,
        "seed_share": share,
        "coverage": round(float(np.mean(inside)), 4),
        "half_width": round(float(np.mean([(each.high - each.low) / 2 for each in found])), 5),
        "studies": studies,
    }


@cache
def networks(share: float, examples: int) -> tuple[float, float]:
    """Mean m and standard deviation of a for which accuracy is `ACCURACY` and the seed's share is `share`."""

    def found(scatter: float) -> float:
        level = norm.ppf(ACCURACY) * np.sqrt(1 + scatter**2 + EASE**2)
        nodes, weights = gauss()
        means = norm.cdf((level + scatter * nodes) / np.sqrt(1 + EASE**2))
        of_seeds = weights @ means**2 - ACCURACY**2
        return float(of_seeds / (of_seeds + (ACCURACY * (1 - ACCURACY) - of_seeds) / examples) - share)

    scatter = brentq(found, 1e-6, 50.0)
    return float(norm.ppf(ACCURACY) * np.sqrt(1 + scatter**2 + EASE**2)), float(scatter)


def gauss() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of a mean over a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return nodes, weights / weights.sum()


def patterns(
    rng: np.random.Generator, seeds: int, examples: int, level: float, scatter: float
) -> tuple[np.ndarray, np.ndarray]:
    """All patterns of S answers [2^S, S] and how many of the examples have each [2^S]."""
    nodes, weights = gauss()
    networks_ = level + scatter * rng.standard_normal(seeds)
    right = norm.cdf(networks_[:, None] + EASE * nodes)
    chances = weights[None, :]
    for row in right:
        chances = np.concatenate([chances * (1 - row), chances * row])
    table = (np.arange(2**seeds)[:, None] >> np.arange(seeds)) & 1
    chances = chances.sum(axis=1)
    return table.astype(float), rng.multinomial(examples, chances / chances.sum())


def interval_of_patterns(table: np.ndarray, counts: np.ndarray) -> Interval:
    """`two_way` of the scores [S, N] that these counts stand for."""
    seeds, examples = table.shape[1], int(counts.sum())
    rows, columns = counts @ table / examples, table.mean(axis=1)
    mean = float(rows.mean())
    of_examples = seeds * float(counts @ (columns - mean) ** 2) / (examples - 1)
    rest = table - rows - columns[:, None] + mean
    of_both = float(counts @ (rest**2).sum(axis=1)) / ((seeds - 1) * (examples - 1))
    parts = from_mean_squares(examples * float(rows.var(ddof=1)), of_examples, of_both, seeds, examples)
    return limits(mean, parts, seeds, examples)


def check_shortcut(seeds: int, *, studies: int, examples: int = 200, share: float = 0.5) -> dict[str, Any]:
    """Coverage from whole tables, drawn effect by effect, and how far counts and their table differ."""
    rng = np.random.default_rng([seeds, examples])
    level, scatter = networks(share, examples)
    inside, farthest = [], 0.0
    for _ in range(studies):
        latent = level + scatter * rng.standard_normal((seeds, 1)) + EASE * rng.standard_normal((1, examples))
        found = two_way((latent + rng.standard_normal((seeds, examples)) > 0).astype(float))
        assert found.low is not None
        assert found.high is not None
        inside.append(found.low <= ACCURACY <= found.high)
    for _ in range(50):
        table, counts = patterns(rng, seeds, examples, level, scatter)
        short, whole = interval_of_patterns(table, counts), two_way(np.repeat(table, counts, axis=0).T)
        assert short.low is not None
        assert whole.low is not None
        farthest = max(farthest, abs(short.low - whole.low))
    return {
        "seeds": seeds,
        "examples": examples,
        "seed_share": share,
        "coverage": round(float(np.mean(inside)), 4),
        "largest_difference": farthest,
        "studies": studies,
    }


# Answers


def diverged_names() -> list[str]:
    """Equal depths, one run of which fell by so many seed standard deviations."""
    return [
        f"one diverged seed, {drop} down, at {where}" for drop in (3, 6, 20, 60) for where in ("the first", "any depth")
    ]


def answers(name: str, seeds: int, *, studies: int, related: float = 0.5) -> dict[str, Any]:
    """Shares of wrong and right answers from one score a run, as without predictions.

    related: share of the variance over seeds that validation and test have in common.
    """
    means, deviations = TRUTHS.get(name, TRUTHS["all equal"])
    means, deviations = SEED_SD * np.array(means, float), SEED_SD * np.array(deviations, float)
    rng = np.random.default_rng([seeds, sum(map(ord, name))])
    picked = {"depth": 0, "equivalent": 0, "undecided": 0}
    wrong = right = 0
    for _ in range(studies):
        shared = rng.standard_normal((seeds, len(means)))
        test, validation = (
            means + deviations * (np.sqrt(related) * shared + np.sqrt(1 - related) * rng.standard_normal(shared.shape))
            for _ in range(2)
        )
        if name.startswith("one diverged"):
            place = 0 if name.endswith("first") else int(rng.integers(len(means)))
            drop = SEED_SD * int(name.split(", ")[1].split()[0])
            test[0, place] -= drop
            validation[0, place] -= drop
        answer, place_ = answer_of(spread(list(test.T)), validation.mean(axis=0))
        picked[answer] += 1
        wrong += is_wrong(answer, place_, means)
        right += is_right(answer, place_, means)
    return {
        "truth": name,
        "seeds": seeds,
        "wrong": round(wrong / studies, 4),
        "right": round(right / studies, 4),
        **{answer: round(count / studies, 4) for answer, count in picked.items()},
        "studies": studies,
    }


def answer_of(test: Spread, validation: np.ndarray) -> tuple[str, int | None]:
    """As `recommend`, without its words."""
    place = confirmed(test, validation)
    if place != 0 and is_equivalent(test, validation, margin=MARGIN):
        return "equivalent", 0
    return ("undecided", None) if place is None else ("depth", place)


def is_wrong(answer: str, place: int | None, means: np.ndarray) -> bool:
    """Depth d: a shallower one is as good or better (d the first: a deeper one). equivalent: a deeper one is better by the margin."""
    if answer == "equivalent":
        return bool(means[1:].max() - means[0] >= MARGIN - 1e-12)
    if place is None:
        return False
    return bool((means[:place] if place else means[1:]).max() >= means[place])


def is_right(answer: str, place: int | None, means: np.ndarray) -> bool:
    """The best depth, of equally good ones the shallowest, is recommended."""
    return place == int(np.argmax(means)) and not is_wrong(answer, place, means)


def answers_with_examples(name: str, seeds: int, share: float, *, studies: int, examples: int = 2000) -> dict[str, Any]:
    """As `answers`, from whole tables [S, N] at each depth: binary answers, paired examples.

    Differences are in units of the standard deviation of a depth's scores over seeds, as a study shows it.
    """
    rng = np.random.default_rng([seeds, round(10 * share), sum(map(ord, name))])
    level, scatter = networks(share, examples)
    own = 0.3  # of c, what the depth does to an example, in units of e
    slope = norm.pdf(norm.ppf(ACCURACY)) / np.sqrt(1 + scatter**2 + EASE**2)
    seen = observed_sd(level, scatter, examples)
    means = np.array(TRUTHS[name][0], float) * seen
    wrong = right = 0
    for _ in range(studies):
        ease, tables, validation = EASE * rng.standard_normal(examples), [], []
        for mean in means:
            network = level + mean / slope + scatter * rng.standard_normal((seeds, 1))
            latent = network + ease + own * rng.standard_normal(examples)
            tables.append((latent + rng.standard_normal((seeds, examples), dtype=np.float32) > 0).astype(float))
            # Validation: other examples, half as many, the same networks.
            chance = norm.cdf(network[:, 0] / np.sqrt(1 + own**2 + EASE**2))
            validation.append(rng.binomial(examples // 2, chance).mean() / (examples // 2))
        answer, place = answer_of(spread([table.mean(axis=1) for table in tables], tables), np.array(validation))
        wrong += is_wrong(answer, place, means)
        right += is_right(answer, place, means)
    return {
        "truth": name,
        "seeds": seeds,
        "examples": examples,
        "seed_share": share,
        "wrong": round(wrong / studies, 4),
        "right": round(right / studies, 4),
        "studies": studies,
    }


def observed_sd(level: float, scatter: float, examples: int) -> float:
    """Standard deviation over seeds of a depth's accuracy on the same examples."""
    rng = np.random.default_rng(0)
    latent = level + scatter * rng.standard_normal((1000, 1)) + EASE * rng.standard_normal(examples)
    return float((latent + rng.standard_normal(latent.shape) > 0).mean(axis=1).std(ddof=1))


def least_favourable(levels: int, seeds: int, *, studies: int = 100_000) -> dict[str, Any]:
    """Look among many truths for that with the most wrong claims.

    Only the pooled test is applied, without validation and Welch's t, which can only withhold claims.
    Steps are in standard errors of a difference.
    """
    rng = np.random.default_rng([levels, seeds])
    df = levels * (seeds - 1)
    noise = rng.standard_normal((studies, levels)) / np.sqrt(2)
    error = np.sqrt(rng.chisquare(df, studies) / df)
    deeper, first = critical_values(spread([np.arange(seeds, dtype=float)] * levels), 0.05)
    rates: dict[tuple[float, ...], float] = {}
    for steps in np.ndindex(*(len(STEPS),) * (levels - 1)):
        means = np.array([0.0, *(STEPS[k] for k in steps)])
        scores = noise + means
        wrong, claimed = np.zeros(studies, bool), np.zeros(studies, bool)
        for place in reversed(range(levels)):
            rivals = list(range(place)) or list(range(1, levels))
            least = scores[:, place] - scores[:, rivals].max(axis=1)
            new = (least > (deeper if place else first) * error) & ~claimed
            claimed |= new
            wrong |= new & (means[rivals].max() >= means[place])
        rates[tuple(means.tolist())] = float(wrong.mean())
    worst = max(rates, key=lambda means: rates[means])
    return {
        "levels": levels,
        "seeds": seeds,
        "equal": round(rates[(0.0,) * levels], 4),
        "worst": round(rates[worst], 4),
        "worst_truth": list(worst),
        "truths": len(rates),
    }


STEPS = (-6.0, -3.0, -1.5, -0.75, -0.25, 0.0, 0.25, 0.75, 1.5, 3.0, 6.0)


def equivalence(shift: float, seeds: int, *, studies: int) -> dict[str, Any]:
    """Answers "equivalent" where one depth is better by `shift` margins and the rest far worse; seed deviation half a margin."""
    rng = np.random.default_rng([seeds, round(10 * shift)])
    means = np.array([0.0, shift * MARGIN, -1.0, -1.0]) if shift else np.zeros(4)
    count = 0
    for _ in range(studies):
        test, validation = (means + MARGIN / 2 * rng.standard_normal((seeds, 4)) for _ in range(2))
        count += answer_of(spread(list(test.T)), validation.mean(axis=0))[0] == "equivalent"
    return {"shift_in_margins": shift, "seeds": seeds, "equivalent": round(count / studies, 4), "studies": studies}


def heuristic(seeds: int, *, studies: int) -> dict[str, Any]:
    """How often the one-standard-error rule picks the first of four equal depths."""
    rng = np.random.default_rng(seeds)
    first = sum(one_standard_error(list(rng.standard_normal((4, seeds)))) == 0 for _ in range(studies))
    return {"seeds": seeds, "picks_the_first": round(first / studies, 4), "studies": studies}


if __name__ == "__main__":
    main()
