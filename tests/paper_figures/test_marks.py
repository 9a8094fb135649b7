"""What a reader takes from a drawing: which marks stand where, what is named, what lies over what."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from paper_figures import literature
from paper_figures.blocks import blocks
from paper_figures.canvas import Words, change_axis, draw_line, page, ratio_ticks
from paper_figures.catalogue import catalogue
from paper_figures.look import STYLE
from paper_figures.scene import scenes
from paper_figures.search_cost import shared_densities
from tf_lottery import results

# The authors' code, vision/plot/gen.py: at a density, the change, its standard deviation, and where over epochs.
LIU = {
    ("structured_a", "from scratch"): (0.9209, -0.05, 0.14, 18.5),
    ("structured_b", "from scratch"): (0.8712, -0.09, 0.18, 60.7),
    ("structured_a", "fine-tuned"): (0.9209, -0.18, 0.26, 0.0),
    ("structured_b", "fine-tuned"): (0.8712, -0.60, 0.19, 0.0),
}
OTHERS = {
    "resnet56": {0.1497: -0.06, 0.10: 0.16, 0.05: -0.65, 0.03: -1.35},
    "resnet50": {0.195: -0.02},
}


def drawings(table, *families):
    return [drawing for drawing in catalogue(scenes(blocks(table))) if drawing.family in families]


def drawn(drawing, size="print"):
    with mpl.rc_context(dict(STYLE)):
        return drawing.figure(size)


@pytest.fixture
def many(row):
    """Twelve densities and three t of 10, of which the second alone lies in the safe zone, in one trial."""
    rows = [row("dense", flops=1_000.0)]
    for level in range(12):
        for t in (1.0, 7.0, 10.0):
            for technique, lead in (("fine_tune", 0.0), ("weight_rewind", 0.001), ("lr_rewind", 0.03 - 0.005 * level)):
                rows.append(row(technique, 0.8**level * 0.9, 1, 0.9 + lead, t, schedule="one_shot",
                                flops=1_000.0 * 0.8**level))  # fmt: skip
    return results.table(rows).assign(source="own", epochs=10.0)


def contrast(one, other):
    """Of two colours, as WCAG 2 defines it: from 1 to 21."""

    def luminance(colour):
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
        return np.dot(parts, (0.2126, 0.7152, 0.0722))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_points_of_the_literature_are_those_of_the_authors_code():
    told = {(p.heuristic, p.what): p for p in literature.POINTS if p.paper.startswith("Liu")}
    assert {key: (p.density, p.change, p.spread, p.retrain_epochs) for key, p in told.items()} == LIU
    for network, points in OTHERS.items():
        others = [p for p in literature.POINTS if p.network == network and not p.paper.startswith("Liu")]
        assert {p.density: p.change for p in others} == points
        assert all((p.spread, p.retrain_epochs) == (0, None) for p in others)


@given(st.floats(0.5, 100), st.floats(1.02, 1000), st.floats(0.02, 0.5))
def test_ticks_of_ratios_are_inside_the_axis_and_apart(low, reach, apart):
    ticks = ratio_ticks(low, low * reach, apart=apart)
    assert all(low * 0.99 < tick < low * reach * 1.01 for tick in ticks)  # 0.5% of either end is on it
    shares = np.log(ticks) / np.log(reach)
    assert (np.diff(shares) >= apart - 1e-9).all()


@pytest.mark.parametrize("limits", [(-3.2, 1.1), (-3, 1), (-1, 1), (-6, 1.5), (-0.03, 0.07)])
def test_changes_are_told_at_a_few_round_numbers(limits):
    axes = Figure(figsize=(3, 3)).add_subplot()
    change_axis(axes, limits, spread=0.1, unit="pp")
    ticks = np.array([tick for tick in axes.get_yticks() if limits[0] <= tick <= limits[1]])
    (step,) = set(np.diff(ticks).round(9))
    assert f"{step:.0e}"[0] in "125"
    assert float(f"{step:.0e}") == pytest.approx(step)
    assert 3 <= len(ticks) <= 7


def test_panels_fill_the_room_between_the_margins_and_do_not_touch():
    figure, axes = page(Words(title="", subtitle="", note=""), "print", rows=2, columns=3, panel_height=1, left=0.7,
                        right=0.3)  # fmt: skip
    boxes = [panel.get_position() for panel in axes]
    width = figure.get_figwidth()
    for row in (boxes[:3], boxes[3:]):
        assert row[0].x0 * width == pytest.approx(0.7)
        assert (1 - row[-1].x1) * width == pytest.approx(0.3)
        assert all(one.x1 < other.x0 for one, other in itertools.pairwise(row))
    assert boxes[3].y1 < boxes[0].y0


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_what_is_laid_behind_is_behind_in_whatever_order_it_is_drawn(order):
    axes = Figure().add_subplot()
    line = pd.DataFrame({"value": [0.0, 1.0], "low": [0.0, 1.0], "high": [0.0, 1.0]})
    for behind in order:
        draw_line(axes, "lr_rewind", [1, 2], line, source="published" if behind else "own", behind=behind)
    back, front = (axes.lines[order.index(behind)] for behind in (True, False))
    assert back.get_zorder() < front.get_zorder()
    assert back.get_alpha() < front.get_alpha()


def test_a_legend_tells_whose_lines_are_whose_where_both_are_drawn(many):
    theirs = many.assign(source="published", training="")
    for table, more in ((many, [""]), (pd.concat([theirs, many], ignore_index=True), [" (own)", " (published)"])):
        (drawing,) = drawings(table, "epochs")
        (legend,) = drawn(drawing).legends
        names = ("fine-tuning", "weight rewinding", "learning rate rewinding")
        assert sorted(text.get_text().lower() for text in legend.texts) == sorted(
            f"{name}{of}" for name in names for of in more
        )


def test_few_retrain_epochs_are_the_ticks_themselves_and_ascend_to_the_right(many):
    for table in (many, many.assign(source="published", training="")):
        (drawing,) = drawings(table, "epochs")
        for axes in drawn(drawing).axes:
            if axes.get_visible():
                assert axes.get_xlim()[0] < 1 < 10 < axes.get_xlim()[1]
                assert list(axes.get_xticks()) == [1, 7, 10]


@pytest.mark.parametrize("source", ["published", "own", "laid over"])
def test_points_of_the_literature_stand_inside_the_frame_at_their_share_of_the_papers_training(published, source):
    """T is 182 epochs in the paper; one's own training is a tenth as long."""
    theirs = published[(published.network == "resnet56") & published.heuristic.isin(["", "structured_b"])]
    lengths = {t: t / 182 * 18 for t in (30.0, 90.0, 182.0)}
    mine = theirs[(theirs.technique == "dense") | theirs.retrain_epochs.isin(list(lengths))]
    mine = mine.assign(source="own", training="one", seed=0.0, recipe="", epochs=18.0,
                       retrain_epochs=mine.retrain_epochs.replace(lengths))  # fmt: skip
    tables = {"published": [theirs], "own": [mine], "laid over": [theirs, mine]}[source]
    (drawing,) = drawings(pd.concat(tables, ignore_index=True), "epochs")
    points, last = {}, {"published": 182, "own": 18, "laid over": 100}[source]
    for axes in drawn(drawing).axes:
        if axes.get_visible():
            (zone,) = (each for each in axes.patches if each.get_x() > 0)  # the paper's: a quarter of T to 90%
            assert (zone.get_x(), zone.get_x() + zone.get_width()) == pytest.approx((0.25 * last, 0.9 * last))
            assert axes.get_xticks()[-1] == pytest.approx(last)
        for line in axes.lines:
            if len(line.get_xdata()) > 2:
                assert line.get_xdata()[-1] == pytest.approx(last)
            if line.get_markerfacecolor() == "#BBBBBB":
                ((x,), (y,)) = line.get_xdata(), line.get_ydata()
                points[y] = x
                assert axes.get_xlim()[0] < x < axes.get_xlim()[1]
    unit = 100 / 182 if source == "laid over" else 1.0  # a share of T where trainings differ in length
    assert points == {-0.09: pytest.approx(60.7 * unit), -0.60: 0.0}


def test_a_speed_up_is_read_off_at_least_three_ticks(many):
    (drawing,) = drawings(many, "flops")
    axes = drawn(drawing).axes[0]
    low, high = axes.get_ylim()
    inside = [tick for tick in axes.get_yticks() if low <= tick <= high]
    assert len(inside) >= 3
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"{tick:.3g}x" for tick in axes.get_yticks()]


def test_the_map_names_rows_that_do_not_touch_and_frames_the_safe_zone(many):
    (drawing,) = drawings(many, "gain")
    panels = [axes for axes in drawn(drawing).axes if "minus" in axes.get_title()]
    rows = [float(label.get_text().removesuffix("x")) for label in panels[0].get_yticklabels()]
    assert rows == pytest.approx([1 / (0.9 * 0.8 ** int(place)) for place in panels[0].get_yticks()], rel=5e-3)
    assert 5 <= len(rows) <= 10
    for axes in panels:
        edges = sorted(line.get_xdata()[0] for line in axes.lines if len(set(line.get_xdata())) == 1 < len(
            line.get_xdata()) and line.get_linestyle() != "None")  # fmt: skip
        assert edges == [1, 2]  # the second column is 70% of T; 10% and 100% are outside


def test_signs_in_the_map_say_who_is_better_and_stand_out_from_their_cells(many, published):
    theirs = published[(published.network == "resnet20") & (published.heuristic.isin(["", "global_magnitude"]))]
    seen = 0
    for drawing in drawings(pd.concat([many, theirs], ignore_index=True), "gain"):
        for axes in [axes for axes in drawn(drawing).axes if "minus" in axes.get_title()]:
            (mesh,) = axes.collections
            table = mesh.get_array()
            for marks in [line for line in axes.lines if line.get_marker() in ("+", "_")]:
                for x, y in zip(marks.get_xdata(), marks.get_ydata(), strict=True):
                    value = table[int(y), int(x)]
                    assert (value > 0) == (marks.get_marker() == "+")
                    assert contrast(marks.get_color(), mesh.to_rgba(value)[:3]) >= 3
                    seen += 1
    assert seen > 100


def test_names_of_networks_stay_on_the_page_however_long_one_is(many):
    table = pd.concat([many, many.assign(network="a_network_of_a_rather_long_name")], ignore_index=True)
    (drawing,) = drawings(table, "no_loss")
    for size in ("print", "wide"):
        figure = drawn(drawing, size)
        figure.draw_without_rendering()
        labels = figure.axes[0].get_yticklabels()
        assert len(labels) == 2
        assert all(label.get_window_extent().x0 >= 0 for label in labels)


@pytest.mark.parametrize("count", [4, 7, 8, 12])
def test_the_middle_density_of_three_is_in_the_middle(row, count):
    rows = [row("dense")]
    for schedule in ("one_shot", "iterative"):
        rows += [row(density=0.5 * 0.8**level, schedule=schedule) for level in range(count)]
    found = blocks(results.table(rows).assign(source="own"))
    shown = shared_densities(scenes(found))
    places = [found[0].densities.index(density) for density in shown]
    assert places[-1] == count - 1
    assert abs((places[1] - places[0]) - (places[2] - places[1])) <= 1
    assert len(places) == 3
