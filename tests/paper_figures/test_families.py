"""What figures say of themselves: where the paper has them, what was done, what hollow, filled and signs mean."""

import math
import statistics

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from paper_figures.blocks import blocks
from paper_figures.catalogue import catalogue
from paper_figures.families import FAMILIES, NUMBERING, PUBLISHED
from paper_figures.gain import is_told
from paper_figures.look import STYLE
from paper_figures.scene import scenes
from tf_lottery import results

# Which of the authors' plots stand in the paper's body: facts that others collected from their code and the paper.
BODY = {
    "accuracy-cifar10-resnet56-one_shot-global_magnitude": "Figure 1",
    "accuracy-imagenet-resnet50-one_shot-global_magnitude": "Figure 1",
    "accuracy-cifar10-resnet56-one_shot-structured_b": "Figure 1",
    "accuracy-cifar10-resnet56-iterative-global_magnitude": "Figure 2",
    "accuracy-imagenet-resnet50-iterative-global_magnitude": "Figure 2",
    "epochs-cifar10-resnet56-one_shot-global_magnitude": "Figure 3",
    "epochs-imagenet-resnet50-one_shot-global_magnitude": "Figure 3",
    "epochs-cifar10-resnet56-one_shot-structured_b": "Figure 4",
    "algorithm-cifar10-resnet56-iterative-global_magnitude": "Figure 5",
    "algorithm-imagenet-resnet50-iterative-global_magnitude": "Figure 5",
    "structured-cifar10-resnet56": "Figure 1 (structured b), appendix (structured a)",
}


@pytest.fixture(scope="module")
def drawings(found):
    return catalogue(scenes(found))


@pytest.fixture(scope="module")
def behind(published):
    """Some of the published results of ResNet-56: figures of few panels are drawn sooner."""
    few = (0.512, 0.21, 0.107, 0.921, 0.778, 0.664, 0.871, 0.7, 0.588)
    is_few = published.density.round(3).isin(few) & published.retrain_epochs.isin((30, 90, 150, 182))
    return published[(published.network == "resnet56") & (is_few | (published.technique == "dense"))]


@pytest.fixture(scope="module")
def mine(behind):
    """Own results: the same on other data, a little better."""
    table = behind.copy()
    table["test_accuracy"] += 0.001 * (table.technique != "dense")
    return table.assign(
        source="own", dataset="data", network="net", training="one", seed=0.0, recipe="some", epochs=182.0
    )


def drawn(drawing, size="print"):
    with mpl.rc_context(dict(STYLE)):
        return drawing.figure(size)


def note(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_a_figure_of_the_paper_is_named_only_where_it_is_that_figure(drawings, mine):
    named = {drawing.name: drawing.paper for drawing in drawings if drawing.paper.startswith("Figure")}
    assert named == BODY | {f"figure{number}": f"Figure {number}" for number in range(1, 6)}
    for drawing in drawings:
        assert drawing.name in named or drawing.paper == "appendix" or drawing.paper.startswith("no figure; data of")
    for drawing in catalogue(scenes(blocks(mine))):
        assert drawing.paper.startswith("no figure")
        assert drawing.family in FAMILIES
    assert "not been checked against the print" in NUMBERING


@pytest.mark.parametrize(
    ("ts", "subtitle"),
    [
        ({"fine_tune": [5], "lr_rewind": [5]}, "One retrain time, t = 5"),
        ({"fine_tune": [10], "weight_rewind": [9]}, "One retrain time for each technique, t = 9 or 10"),
        ({"fine_tune": [5, 10], "lr_rewind": [5, 10]}, "Each technique at its best retrain time by validation"),
        (
            {"fine_tune": [5, 10], "lr_rewind": [5]},
            "Each technique at its best retrain time by validation, where it has several",
        ),
    ],
)
def test_the_best_retrain_time_is_told_only_where_there_were_several(row, ts, subtitle):
    rows = [row("dense")] + [
        row(technique, density, epochs=float(t))
        for technique, each in ts.items()
        for t in each
        for density in (0.5, 0.2)
    ]
    own = results.table([{**each, "epochs": 10.0} for each in rows]).assign(source="own")
    told = {drawing.family: drawing.subtitle for drawing in catalogue(scenes(blocks(own)))}
    assert told["accuracy"] == told["figure2"] == subtitle
    laid = pd.concat([own, own.assign(source="published", training="", network="other")])
    (drawing,) = (
        d for d in catalogue(scenes(blocks(laid), over="other")) if d.family == "accuracy" and d.scenes[0].is_laid_over
    )
    assert drawing.subtitle == subtitle  # of both the same


def test_subtitles_tell_own_and_published_retrain_times_apart(behind, mine):
    few = mine[(mine.technique == "dense") | (mine.retrain_epochs == 90)]
    laid = catalogue(scenes(blocks(pd.concat([behind, few])), over="resnet56"))
    (drawing,) = (d for d in laid if d.name == "accuracy-data-net-one_shot-global_magnitude")
    assert drawing.subtitle == "Retrain time: own t = 90; published the best by validation"


def test_hollow_is_published_and_filled_is_own_in_every_family(behind, mine):
    """Of all lines of techniques: those drawn, and those of legends."""
    seen = set()
    for table, over, sources in (
        (behind, None, {"published"}),
        (mine, None, {"own"}),
        (pd.concat([behind, mine]), "resnet56", {"own", "published"}),
    ):
        for drawing in catalogue(scenes(blocks(table), over=over)):
            kind = (drawing.family, *sorted(sources))
            if kind in seen or drawing.family == "gain":  # maps have no lines
                continue
            seen.add(kind)
            figure = drawn(drawing)
            fills = {True: set(), False: set()}  # by whether it is hollow
            handles = [line for legend in figure.legends for line in legend.get_lines()]
            for line in [*(line for axes in figure.axes for line in axes.lines), *handles]:
                if line.get_marker() in ("D", "*", "o", "h", "X") and line.get_gid() != "doubtful":
                    fills[line.get_markerfacecolor() == "white"].add(line.get_color())
            there = set(drawing.numbers.source)
            assert bool(fills[True]) == ("published" in there), kind
            assert bool(fills[False]) == ("own" in there), kind
    assert {kind[0] for kind in seen} == set(PUBLISHED) - {"gain"}


def test_search_cost_tells_heuristics_schedules_and_sources_apart_and_shows_the_trials(behind, mine):
    laid = catalogue(scenes(blocks(pd.concat([behind, mine])), over="resnet56"))
    laid = [one for one in laid if one.family == "search_cost" and one.scenes[0].is_laid_over]
    titles = {text for drawing in laid for text in [drawn(drawing).texts[0].get_text()]}
    assert titles == {
        f"net on data, {heuristic} pruning: search cost"
        for heuristic in ("unstructured", "structured A", "structured B")
    }
    (both,) = (drawing for drawing in laid if "global" in drawing.name)
    assert set(both.numbers.source) == {"own", "published"}
    figure = drawn(both)
    dashes = {(line.get_markerfacecolor() == "white", line.get_linestyle()) for axes in figure.axes
              for line in axes.lines if line.get_marker() in ("D", "*", "o") and line.get_gid() is None}  # fmt: skip
    assert len(dashes) == 4  # source by fill, schedule by line
    assert "Dotted: one-shot; solid: iterative." in note(figure)
    for axes in figure.axes:
        bands = [part for part in axes.collections if len(part.get_paths())]
        assert len(bands) == 12  # of three techniques, two schedules, two sources
        ranges = [part.get_datalim(axes.transData).height for part in bands]
        assert max(ranges) > 0.1
    # The frame is what the data need: not the -3 to 1 of the paper's other figures.
    (flat,) = (
        d
        for d in catalogue(scenes(blocks(mine.assign(test_accuracy=0.9 + mine.test_accuracy / 1e4))))
        if d.name == both.name
    )
    low, high = drawn(flat).axes[0].get_ylim()
    assert high - low < 0.1
    published_alone = [d for d in catalogue(scenes(blocks(behind))) if d.name.endswith("resnet56-structured_a")]
    (variant,) = (d for d in published_alone if d.family == "search_cost")
    low, high = drawn(variant).axes[0].get_ylim()
    main = variant.numbers[(variant.numbers.retrain_epochs >= 45)]
    assert high - low < 2 * (main.high.max() - main.low.min())


def test_search_costs_are_read_off_plain_numbers_and_named_once(behind):
    drawings = catalogue(scenes(blocks(behind)))
    (drawing,) = (d for d in drawings if d.family == "search_cost" and "structured" not in d.name)
    figure = drawn(drawing)
    (legend,) = figure.legends
    assert len(legend.texts) == drawing.numbers.technique.nunique()
    assert len(figure.axes) == 3
    for place, axes in enumerate(figure.axes):
        ticks = [int(label.get_text().replace(",", "")) for label in axes.get_xticklabels()]
        assert ticks == list(axes.get_xticks())
        assert len(ticks) >= 2
        low, high = axes.get_xlim()
        costs = np.concatenate([line.get_xdata() for line in axes.lines if line.get_marker() in ("D", "*", "o")])
        assert set(costs) <= set(drawing.numbers.search_cost)
        assert low <= min(*ticks, *costs)
        assert max(*ticks, *costs) <= high
        assert bool(axes.get_ylabel()) == axes.yaxis.get_tick_params()["labelleft"] == (place == 0)


def test_a_gain_has_a_sign_only_where_no_two_trials_contradict_it(drawings, plain):
    """By loops over the CSV: every trial of one technique is above every trial of the other, or below."""
    checked = {True: 0, False: 0}
    for drawing in drawings:
        if drawing.family != "gain" or "resnet20" not in drawing.name:
            continue
        block = drawing.scenes[0].front
        cells = {}
        for each in plain:
            if (each["network"], each["schedule"], each["heuristic"]) == (
                block.network,
                block.schedule,
                block.heuristic,
            ):
                key = each["technique"], f"{float(each['density']):.3f}", float(each["retrain_epochs"])
                cells.setdefault(key, []).append(float(each["test_accuracy"]))
        for cell, told in zip(drawing.numbers.itertuples(), is_told(drawing.numbers), strict=True):
            first, second = (
                cells[name, f"{cell.density:.3f}", cell.retrain_epochs] for name in cell.technique.split("-")
            )
            apart = min(first) > max(second) + 1e-9 or max(first) < min(second) - 1e-9
            assert told == apart, cell
            checked[told] += 1
        signs = sum(len(line.get_xdata()) for axes in drawn(drawing).axes for line in axes.lines
                    if line.get_marker() in ("+", "_") and line.get_linestyle() == "None")  # fmt: skip
        assert signs == is_told(drawing.numbers).sum()
    assert min(checked.values()) > 50


def test_one_trial_gives_no_sign(published):
    one = published[(published.network == "resnet20") & ((published.technique == "dense") | (published.trial == 1))]
    (drawing, *_) = (d for d in catalogue(scenes(blocks(one))) if d.family == "gain")
    assert not is_told(drawing.numbers).any()


def test_a_map_says_that_its_scale_ends_where_a_difference_is_beyond_one_end(drawings):
    sides = set()
    for drawing in drawings:
        if drawing.family == "gain":
            below, above = bool((drawing.numbers.value < -2).any()), bool((drawing.numbers.value > 2).any())
            if (below, above) not in sides:
                sides.add((below, above))
                assert ("The ends of the scale stand for all beyond." in note(drawn(drawing))) == (below or above)
    assert sides & {(True, False), (False, True)}


def test_all_maps_have_one_scale_and_its_unit(drawings, mine):
    scales = set()
    for drawing in [*drawings, *catalogue(scenes(blocks(mine)))]:
        if drawing.family == "gain" and ("resnet50" in drawing.name or "structured" in drawing.name):
            figure = drawn(drawing)
            scales |= {mesh.get_clim() for axes in figure.axes[:-1] for mesh in axes.collections}
            assert figure.axes[-1].get_title() == "pp"
    assert len(scales) == 1


def test_no_loss_over_trials_drawn_again_is_what_loops_over_all_draws_find(drawings, plain):
    """All 27 ways to draw three trials of three, t chosen anew in each by the medians of validation."""
    (drawing,) = (drawing for drawing in drawings if drawing.family == "no_loss")
    checked = 0
    for line in drawing.numbers.itertuples():
        if line.network != "resnet20":
            continue
        dense = statistics.fmean(float(r["test_accuracy"]) for r in plain
                                 if (r["network"], r["technique"]) == (line.network, "dense"))  # fmt: skip
        cells = {}
        for r in plain:
            if (r["network"], r["schedule"], r["technique"]) == (line.network, line.schedule, line.technique):
                at = cells.setdefault(float(r["density"]), {}).setdefault(float(r["retrain_epochs"]), {})
                at[int(r["trial"])] = (float(r["validation_accuracy"]), float(r["test_accuracy"]))
        ratios = []
        for draw in ((a, b, c) for a in (1, 2, 3) for b in (1, 2, 3) for c in (1, 2, 3)):
            passing = [1.0]
            for density, at in cells.items():
                best = max(sorted(at), key=lambda t: round(statistics.median(at[t][n][0] for n in draw), 12))
                if statistics.median(at[best][n][1] for n in draw) >= dense - 1e-11:
                    passing.append(1 / density)
            ratios.append(max(passing))
        low, high = np.percentile(ratios, [5, 95])
        assert (line.low, line.high) == pytest.approx((low, high), rel=1e-9), line
        checked += 1
    assert checked == 6


def test_the_strongest_level_that_ran_is_told_as_at_least(row):
    rows = [row("dense", trial=trial, accuracy=0.9) for trial in (1, 2, 3)]
    for technique, below in (("fine_tune", 0.3), ("lr_rewind", 0.05)):
        rows += [
            row(technique, density, trial, 0.9 + trial / 1e5 - 0.1 * (density < below))
            for density in (0.8, 0.4, 0.1) for trial in (1, 2, 3)
        ]  # fmt: skip
    (drawing,) = (
        d for d in catalogue(scenes(blocks(results.table(rows).assign(source="own")))) if d.family == "no_loss"
    )
    told = drawing.numbers.set_index("technique")
    assert told.is_last.to_dict() == {"fine_tune": False, "lr_rewind": True}
    assert told.value.to_dict() == {"fine_tune": 2.5, "lr_rewind": 10.0}
    assert (told.low == told.high).all()  # robust: the same in each draw, so no line
    figure = drawn(drawing)
    assert [text.get_text() for text in figure.axes[0].texts] == ["\u2265 10x"]
    lengths = [np.ptp(line.get_xdata()) for line in figure.axes[0].lines if line.get_gid() == "trials"]
    assert lengths == [0.0, 0.0]
    assert "\u2265 10x by learning rate rewinding" in drawing.alt


def test_ticks_stand_on_what_ran(drawings, mine):
    for drawing in [*drawings, *catalogue(scenes(blocks(mine)))]:
        if drawing.family not in ("accuracy", "flops", "epochs", "no_loss") or "cifar10" in drawing.name:
            continue
        figure = drawn(drawing)
        densities = {d for scene in drawing.scenes for block in scene.blocks for d in block.densities}
        ran = {1 / density for density in densities} | ({1.0} if drawing.family == "no_loss" else set())
        if drawing.family == "epochs":
            ran = set(drawing.scenes[0].front.epochs)
        for axes in figure.axes:
            if axes.get_visible():
                ticks = [float(tick) for tick in axes.get_xticks()]
                assert len(ticks) >= 2, drawing.name
                for tick in ticks:
                    assert any(math.isclose(tick, each, rel_tol=1e-9) for each in ran), (drawing.name, tick)
