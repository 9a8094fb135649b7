"""The numbers that alternative texts name, found again by loops over the CSVs, for each drawing of all results here."""

import csv
import math
import re
import statistics
from pathlib import Path

import pytest

from paper_figures import tables
from paper_figures.blocks import blocks
from paper_figures.catalogue import catalogue
from paper_figures.families import PUBLISHED
from paper_figures.scene import scenes

OWN = sorted((Path(__file__).parents[2] / "docs/results").glob("*.csv"))
TECHNIQUES = {
    "fine-tuning": "fine_tune",
    "weight rewinding": "weight_rewind",
    "learning rate rewinding": "lr_rewind",
    "low-rate weight rewinding": "low_lr_weight_rewind",
    "reinitialisation": "reinit",
}
MAIN = ("fine_tune", "weight_rewind", "lr_rewind")
SCHEDULES = {"one-shot": "one_shot", "iterative": "iterative"}
HEURISTICS = {"unstructured": "global_magnitude", "structured A": "structured_a", "structured B": "structured_b"}
NETWORKS = {"ResNet-20": "resnet20", "ResNet-56": "resnet56", "ResNet-50": "resnet50",
            "LeNet-300-100": "lenet_300_100", "ResNet-8 x0.5": "resnet8_x0.5"}  # fmt: skip
PLACE = re.compile(
    r"(?:Published|Own), (?:(?P<network>[A-Z][\w. -]+), )?(?P<schedule>[a-z-]+), "
    r"(?P<heuristic>[\w ]+) at (?P<ratio>[\d.]+)x"
    r"(?: with t = (?P<t>[\d.]+))?: (?P<items>.+?)\.(?= [A-Z]|$)"
)
OF_T = ("figure3", "figure4", "epochs", "epochs_controls", "gain", "search_cost")


class Results:
    """Rows of CSVs by cell, without pandas or anything of ours."""

    def __init__(self, rows):
        self.cells, self.dense, self.dense_flops, self.total = {}, {}, {}, {}
        for row in rows:
            network = row["network"]
            if row["technique"] == "dense":
                self.dense.setdefault(network, []).append(float(row["test_accuracy"]))
                if row["flops"]:
                    self.dense_flops.setdefault(network, []).append(float(row["flops"]))
                self.total[network] = float(row.get("epochs") or {"resnet50": 90}.get(network, 182))
                continue
            of = self.cells.setdefault((network, row["schedule"], row["heuristic"]), {})
            key = (row["technique"], float(f"{1 / float(row['density']):.3g}"), float(row["retrain_epochs"]))
            of.setdefault(key, []).append(row)

    def median(self, pruning, key, column="test_accuracy"):
        return statistics.median(float(row[column]) for row in self.cells[pruning][key] if row[column])

    def change(self, pruning, key):
        return 100 * (self.median(pruning, key) - statistics.fmean(self.dense[pruning[0]]))

    def speedup(self, pruning, key):
        dense = statistics.median(self.dense_flops[pruning[0]])
        return statistics.median(dense / float(row["flops"]) for row in self.cells[pruning][key] if row["flops"])

    def best(self, pruning, technique, ratio):
        ts = sorted(t for name, at, t in self.cells[pruning] if (name, at) == (technique, ratio))
        return max(ts, key=lambda t: round(self.median(pruning, (technique, ratio, t), "validation_accuracy"), 12))

    def ratios(self, pruning, technique):
        return sorted({ratio for name, ratio, _ in self.cells[pruning] if name == technique})


@pytest.fixture(scope="module", params=["published", *(path.stem for path in OWN)])
def drawn(request, plain, published):
    if request.param == "published":
        return catalogue(scenes(blocks(published))), Results(plain)
    (path,) = (path for path in OWN if path.stem == request.param)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    return catalogue(scenes(blocks(tables.own([str(path)])[0]))), Results(rows)


def items_of(match):
    """Yield technique or pair, its text, and its own t if it is told."""
    for item in match["items"].split("; "):
        told = re.fullmatch(
            r"(?P<who>[a-z -]+?) (?P<text>[+-]\d.*?|a speed-up .*?)(?:,(?: but)? t = (?P<t>[\d.]+))?", item
        )
        assert told, item
        yield [TECHNIQUES[name] for name in told["who"].split(" minus ")], told["text"], told["t"]


def test_numbers_in_alternative_texts_are_those_of_the_csvs_at_the_t_and_schedule_that_they_name(drawn):
    drawings, results = drawn
    checked = 0
    for drawing in drawings:
        if drawing.family == "no_loss":
            continue
        places = list(PLACE.finditer(drawing.alt.split(" Ringed:")[0]))
        assert {(SCHEDULES[p["schedule"]], HEURISTICS[p["heuristic"]]) for p in places} == {
            (scene.front.schedule, scene.front.heuristic) for scene in drawing.scenes
        }, drawing.name
        for place in places:
            network = NETWORKS[place["network"]] if place["network"] else drawing.networks[0]
            pruning = (network, SCHEDULES[place["schedule"]], HEURISTICS[place["heuristic"]])
            ratio = float(place["ratio"])
            assert (place["t"] is not None) == (drawing.family in OF_T), drawing.name
            told = list(items_of(place))
            for techniques, text, own_t in told:
                t = own_t or place["t"]
                assert t is not None, (drawing.name, text)
                check(drawing, results, pruning, [(technique, ratio, float(t)) for technique in techniques], text)
                checked += 1
            shown = {name for names, _, _ in told for name in names}
            main = [name for name in MAIN if any(key[0] == name for key in results.cells[pruning])]
            if drawing.family in OF_T:
                check_t(results, pruning, ratio, float(place["t"]), shown & set(main) or shown)
            assert shown >= set(main if drawing.family not in ("algorithm", "figure5") else ["lr_rewind"]), drawing.name
    assert checked >= len(drawings)


def check(drawing, results, pruning, keys, text):
    """Compare what is told of one technique, or one minus another, with the CSV."""
    number = float(re.search(r"[+-]?\d+\.\d+", text)[0])
    changes = [results.change(pruning, key) for key in keys]
    where = (drawing.name, keys, text)
    if drawing.family == "flops":
        assert number == pytest.approx(results.speedup(pruning, keys[0]), abs=0.0051), where
    elif drawing.family == "flops_ratio":
        tuned = ("fine_tune", keys[0][1], results.best(pruning, "fine_tune", keys[0][1]))
        ratios = [results.median(pruning, tuned, "flops") / float(row["flops"])
                  for row in results.cells[pruning][keys[0]] if row["flops"]]  # fmt: skip
        assert number == pytest.approx(statistics.median(ratios), abs=0.0051), where
    elif drawing.family == "gain":
        assert number == pytest.approx(changes[0] - changes[1], abs=0.0051), where
        assert text.endswith(" pp")
    else:
        assert number == pytest.approx(changes[0], abs=0.0051), where
        assert " pp" in text
    if drawing.family == "flops_accuracy":
        assert float(text.rpartition(" ")[2]) == pytest.approx(results.speedup(pruning, keys[0]), abs=0.0051), where
    if drawing.family == "search_cost":
        level = round(math.log(keys[0][1]) / math.log(1.25)) if pruning[1] == "iterative" else 1
        assert float(re.search(r"for (\d+)", text)[1]) == keys[0][2] * level, where
    if drawing.family in (
        "figure1",
        "figure2",
        "accuracy",
        "controls",
        "structured",
        "flops",
        "flops_ratio",
        "flops_accuracy",
    ):
        assert keys[0][2] == results.best(pruning, keys[0][0], keys[0][1]), where
    if drawing.family in ("algorithm", "figure5"):
        assert keys[0][2] == results.total[pruning[0]], where


def check_t(results, pruning, ratio, t, techniques):
    """Check that t is the greatest up to 0.9 T that as many techniques as can have it have."""
    ts = {
        name: {t for technique, at, t in results.cells[pruning] if (technique, at) == (name, ratio)}
        for name in techniques
    }
    count = {each: sum(each in own for own in ts.values()) for own in ts.values() for each in own}
    shared = [each for each in count if count[each] == max(count.values())]
    inside = [each for each in shared if each <= 0.9 * results.total[pruning[0]] + 1e-9]
    assert t == max(inside or shared)


def test_numbers_are_told_at_the_strongest_compression_that_the_main_techniques_share(drawn):
    drawings, _ = drawn
    for drawing in drawings:
        if drawing.family == "no_loss":
            continue
        for place in PLACE.finditer(drawing.alt):
            rows = drawing.csv[
                (drawing.csv.schedule == SCHEDULES[place["schedule"]])
                & (drawing.csv.heuristic == HEURISTICS[place["heuristic"]])
                & (drawing.csv.network.eq(NETWORKS.get(place["network"])) | (not place["network"]))
            ]
            lines = [set(part.density) for name, part in rows.groupby("technique") if set(name.split("-")) <= set(MAIN)]
            assert float(place["ratio"]) == pytest.approx(1 / min(set.intersection(*lines)), rel=0.005), drawing.name


def test_the_text_of_no_loss_names_what_goes_furthest_and_how_it_was_found(drawn):
    drawings, results = drawn
    told, of_no_loss = {}, [drawing.alt for drawing in drawings if drawing.family == "no_loss"]
    for part in (
        part for alt in of_no_loss for part in alt.partition("without loss: ")[2].removesuffix(".").split("; ")
    ):
        network, schedule, heuristic, least, ratio, names = re.fullmatch(
            r"(?:own )?([\w. -]+), ([a-z-]+), ([\w ]+): (≥ )?([\d.]+)x by (.+)", part
        ).groups()
        pruning = (NETWORKS[network], SCHEDULES[schedule], HEURISTICS[heuristic])
        found = re.findall(r"([a-z -]+?) \(t = ([\d.]+)\)", names.replace(" and ", " "))
        told[pruning] = (float(ratio), bool(least), {(TECHNIQUES[name.strip()], float(t)) for name, t in found})
    expected = {}
    for pruning in results.cells:
        furthest = {}
        for technique in MAIN:
            ratios = results.ratios(pruning, technique)
            best = {ratio: results.best(pruning, technique, ratio) for ratio in ratios}
            passes = [ratio for ratio in ratios if results.change(pruning, (technique, ratio, best[ratio])) >= -1e-9]
            if passes:
                furthest[technique] = (passes[-1], passes[-1] == ratios[-1], best[passes[-1]])
        if furthest:
            most = max(ratio for ratio, _, _ in furthest.values())
            first = {name: of for name, of in furthest.items() if of[0] == most}
            expected[pruning] = (
                most,
                any(last for _, last, _ in first.values()),
                {(n, t) for n, (_, _, t) in first.items()},
            )
    assert told.keys() == expected.keys()
    for pruning, (ratio, last, names) in expected.items():
        assert told[pruning] == (ratio, last, names), pruning


def test_every_family_of_the_published_results_is_among_these(drawn):
    drawings, results = drawn
    if "resnet50" in results.total:
        assert {drawing.family for drawing in drawings} == set(PUBLISHED)
        assert len(drawings) == 70
