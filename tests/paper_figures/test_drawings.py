"""Every figure, drawn: of published results, of own ones, and of own ones laid over."""

import pickle

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from paper_figures import literature
from paper_figures.blocks import CORE, blocks
from paper_figures.catalogue import catalogue
from paper_figures.families import PUBLISHED
from paper_figures.look import STYLE
from paper_figures.scene import scenes
from tf_lottery import results

# Own densities are none of the published ones to the last digit: those are 0.8 multiplied up, or of several roundings.
OWN_SETTINGS = {0.9209: 0.9212, 0.8453: 0.8458, 0.778: 0.7789, 0.7163: 0.7173, 0.6644: 0.6656,
                0.8712: 0.8719, 0.7763: 0.7775, 0.6999: 0.7014, 0.6381: 0.6399, 0.5879: 0.5899}  # fmt: skip


@pytest.fixture(scope="module")
def own(published):
    """Own results like the published ones of ResNet-56, but for the digits of densities and near to no change."""
    table = published[published.network == "resnet56"].copy()
    dense = table.test_accuracy[table.technique == "dense"].mean()
    table["test_accuracy"] = dense + (table.test_accuracy - dense) / 50
    table["density"] = table.density.round(4).map(OWN_SETTINGS).fillna(table.density.round(5))
    return table.assign(source="own", training="one", seed=0.0, recipe="paper_cifar10")


@pytest.fixture(scope="module", params=["published", "own", "laid over"])
def drawings(request, published, own):
    behind = published[published.network == "resnet56"]
    tables = {"published": [published], "own": [own], "laid over": [behind, own]}[request.param]
    told = [table.assign(source=table.get("source", "published")) for table in tables]
    return catalogue(scenes(blocks(pd.concat(told, ignore_index=True))))


def test_the_main_techniques_lie_inside_the_frame_of_every_figure(drawings):
    assert {drawing.family for drawing in drawings} == set(PUBLISHED)
    with mpl.rc_context(dict(STYLE)):
        for drawing in drawings:
            # Of figures 3 and 4 the frame is the authors', and what leaves it is told.
            if drawing.family not in ("gain", "no_loss", "figure3", "figure4"):
                figure = drawing.figure("print")
                low = min(axes.get_ylim()[0] for axes in figure.axes if axes.get_visible())
                high = max(axes.get_ylim()[1] for axes in figure.axes if axes.get_visible())
                main = drawing.numbers[drawing.numbers.technique.isin(CORE)]
                # Below a frame for all t, one bad trial of few epochs may fall: never a median.
                lowest = main.value if drawing.family.startswith(("epochs", "search_cost")) else main.low
                assert low <= lowest.min(), drawing.name
                assert main.high.max() <= high, drawing.name
                for axes in figure.axes:
                    left, right = axes.get_xlim()
                    for line in axes.lines:
                        if line.get_marker() in ("D", "*", "o"):
                            assert left <= min(line.get_xdata()), drawing.name
                            assert max(line.get_xdata()) <= right, drawing.name


def test_each_row_of_panels_holds_what_the_main_techniques_have_there(drawings):
    """Each line's points are read from its panel: a line of another density, or one outside of the frame, shows."""
    with mpl.rc_context(dict(STYLE)):
        for drawing in drawings:
            if drawing.family != "epochs":
                continue
            scene = drawing.scenes[0]
            panels = [axes for axes in drawing.figure("wide").axes if axes.get_visible()]
            assert len(panels) == len(scene.front.densities)
            for axes, density in zip(panels, scene.front.densities, strict=True):
                drawn = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) > 3]
                expected = []
                for block in scene.blocks:
                    rows = drawing.numbers[drawing.numbers.source == block.source]
                    at = block.densities[int(np.abs(np.array(block.densities) - density).argmin())]
                    expected += [part.value.to_numpy() for _, part in rows[rows.density == at].groupby("technique")]
                np.testing.assert_allclose(np.array(sorted(map(tuple, drawn))), np.array(sorted(map(tuple, expected))))
                labels = [float(label.get_text()) for label in axes.get_xticklabels()]  # none above another panel
                assert not labels or labels == pytest.approx(list(axes.get_xticks()), abs=0.05), drawing.name
                low, high = axes.get_ylim()
                assert all(low <= value.min() and value.max() <= high for value in drawn), (drawing.name, density)


@pytest.mark.parametrize("family", ["epochs", "search_cost"])
def test_a_collapse_of_short_retraining_flattens_no_panel(own, family):
    """Points before the safe zone that are 50 points below all else leave the frame; 0.01 below, they stay."""
    short = (own.retrain_epochs == 10) & (own.technique != "dense")
    for fall, inside in ((0.0001, True), (0.5, False)):
        table = own.assign(test_accuracy=own.test_accuracy - fall * short)
        (drawing,) = (
            d
            for d in catalogue(scenes(blocks(table)))
            if d.family == family and "_b" not in d.name and "_a" not in d.name and "iterative" not in d.name
        )
        with mpl.rc_context(dict(STYLE)):
            figure = drawing.figure("print")
        lows = [axes.get_ylim()[0] for axes in figure.axes if axes.get_visible()]
        assert all(low > -0.3 for low in lows)
        values = drawing.numbers[drawing.numbers.retrain_epochs == 10].value
        assert len(values)
        assert (values > min(lows)).all() == inside
        assert any("Carets" in text.get_text() for text in figure.texts) != inside


def test_a_small_grid_has_all_its_retrain_epochs_named_in_the_map(own):
    few = own[(own.technique == "dense") | own.retrain_epochs.isin([10, 50, 90, 130, 150, 182])]
    (drawing,) = (d for d in catalogue(scenes(blocks(few))) if d.family == "gain" and "one_shot-global" in d.name)
    with mpl.rc_context(dict(STYLE)):
        panel = drawing.figure("print").axes[0]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["10", "50", "90", "130", "150", "182"]


def test_points_of_the_literature_are_drawn_where_the_note_names_them(drawings):
    for drawing in drawings:
        if drawing.family == "epochs" and "structured" in drawing.name:
            with mpl.rc_context(dict(STYLE)):
                figure = drawing.figure("print")
            grey = [line for axes in figure.axes for line in axes.lines if line.get_markerfacecolor() == "#BBBBBB"]
            assert len(grey) == 2, drawing.name
            assert any("Liu et al. 2019 (from scratch)" in text.get_text().replace("\n", " ") for text in figure.texts)


def test_papers_of_one_marker_are_all_named_and_other_datasets_have_no_points(found):
    assert literature.note(literature.POINTS).count("2018") == 2
    assert literature.note([]) == ""
    (block,) = (b for b in found if (b.network, b.schedule, b.heuristic) == ("resnet56", "one_shot", "structured_a"))
    assert literature.points_of(block)
    (other,) = blocks(
        results.table(
            {"status": "done", "network": "resnet56", "dataset": "digits", "technique": technique, "density": density,
             "heuristic": "structured_a", "schedule": "one_shot", "trial": 1, "test_accuracy": 0.9, "epochs": 30.0,
             "validation_accuracy": 0.9, "retrain_epochs": 5.0, "training": "one", "seed": 0}
            for technique, density in (("dense", 1.0), ("lr_rewind", 0.9212))
        ).assign(source="own")
    )  # fmt: skip
    assert literature.points_of(other) == []


def test_a_density_that_nobody_has_is_named_as_missing(own):
    t = own.retrain_epochs.max()
    holes = own[~((own.technique == "lr_rewind") & (own.retrain_epochs == t) & (own.density == 0.512))]
    (drawing,) = (d for d in catalogue(scenes(blocks(holes))) if d.family == "algorithm")
    with mpl.rc_context(dict(STYLE)):
        texts = " ".join(text.get_text().replace("\n", " ") for text in drawing.figure("print").texts)
    assert "Missing: lr_rewind at 1.95x" in texts


def test_a_drawing_can_be_sent_to_a_process(drawings):
    for drawing in drawings[::9]:
        copy = pickle.loads(pickle.dumps(drawing))
        pd.testing.assert_frame_equal(copy.numbers, drawing.numbers)


def test_every_figure_has_a_name_of_its_own_whatever_lies_over_what(published, own):
    theirs = published[published.network.isin(["resnet56", "resnet20"])]
    mine = own.assign(network="resnet20")
    both = [mine, mine.assign(training="two"), mine.assign(seed=1.0)]
    for given, over in (([mine], "resnet56"), (both, None)):
        table = pd.concat([theirs, *given], ignore_index=True)
        drawn = catalogue(scenes(blocks(table), over=over))
        names = [drawing.name for drawing in drawn]
        assert len(set(names)) == len(names)
        titles = [drawing.title for drawing in drawn if drawing.family == "accuracy" and "ResNet-20" in drawing.title]
        assert len(set(titles)) == len(titles) == 4 * len(given)
    (no_loss,) = (drawing for drawing in drawn if drawing.family == "no_loss")
    assert set(no_loss.csv[no_loss.csv.source == "own"].training) == {"one", "two"}


def test_notes_say_what_leaves_the_frame_what_was_not_run_and_whose_points_are_whose(published, own):
    def note(drawing):
        figure = drawing.figure("print")
        return " ".join(text.get_text() for text in figure.texts).replace("\n", " ")

    behind = published[published.network == "resnet56"]
    mine = own[(own.schedule != "one_shot") | (own.retrain_epochs > 20) | (own.technique == "fine_tune")]
    mine = mine.assign(network="net", dataset="data")
    laid = catalogue(scenes(blocks(pd.concat([behind, mine], ignore_index=True)), over="resnet56"))
    by_name = {drawing.name: drawing for drawing in laid}
    assert "(learned compression, ResNet-56)" in note(by_name["accuracy-data-net-iterative-global_magnitude"])
    assert "Hatched: not run." in note(by_name["gain-data-net-one_shot-structured_b"])
    alone = {drawing.name: drawing for drawing in catalogue(scenes(blocks(behind)))}
    assert "Hatched" not in note(alone["gain-cifar10-resnet56-one_shot-structured_b"])
    assert "Carets" in note(alone["epochs_controls-cifar10-resnet56-one_shot-global_magnitude"])
    assert "Carets" not in note(alone["accuracy-cifar10-resnet56-one_shot-global_magnitude"])
    assert "ResNet-56)" not in note(alone["accuracy-cifar10-resnet56-iterative-global_magnitude"])
    fixed = alone["fixed-cifar10-resnet56-one_shot-global_magnitude"].subtitle
    assert fixed == "No search over t: t = 150 for each, T = 182"
