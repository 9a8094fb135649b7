"""Nothing is cut, nothing lies on anything else, nothing leaves a frame untold: in every drawing, as it is rendered."""

import itertools
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection

from paper_figures import tables
from paper_figures.blocks import blocks
from paper_figures.catalogue import catalogue
from paper_figures.look import STYLE
from paper_figures.scene import scenes

OWN = Path(__file__).resolve().parents[2] / "docs/results"
CASES = {  # own results, the network they are laid over
    "published": (None, None),
    "own alone": ("*.csv", None),
    "over ResNet-20": ("*lenet.csv", "resnet20"),
    "over ResNet-50": ("*lenet.csv", "resnet50"),
    "over ResNet-56": ("*16_epochs.csv", "resnet56"),
    "our studies": ("*_fashion_mnist_lenet/results.csv", None),
}
STUDIES = ("schedules", "other_schedules", "criteria")


@pytest.fixture(scope="module", params=CASES)
def rendered(request, published):
    """Each figure of a case, drawn once in both sizes: drawing, size, figure, its renderer."""
    pattern, over = CASES[request.param]
    parts = [] if request.param in ("own alone", "our studies") else [published]
    if pattern:
        parts.append(tables.own([str(OWN / pattern)])[0])
    drawings = catalogue(scenes(blocks(pd.concat(parts, ignore_index=True)), over=over))
    if over:  # the rest is as published
        drawings = [drawing for drawing in drawings if any(scene.is_laid_over for scene in drawing.scenes)]
    if request.param == "our studies":  # whose other figures are as those of own results alone
        drawings = [drawing for drawing in drawings if drawing.family in STUDIES]
    found = []
    with mpl.rc_context(dict(STYLE) | {"figure.dpi": 72}):
        for drawing in drawings:
            for size in ("print", "wide"):
                figure = drawing.figure(size)
                canvas = FigureCanvasAgg(figure)
                found.append((drawing, size, figure, canvas.get_renderer()))
    assert found
    return found


def texts(figure, renderer):
    """Return what is written on a figure, each with its box in pixels."""
    found = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        if axes.get_visible():
            found += [axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts]
            for axis in (axes.xaxis, axes.yaxis):
                low, high = sorted(axis.get_view_interval())
                reach = 1e-9 * (high - low)
                ticks = [tick for tick in axis.get_major_ticks() if low - reach <= tick.get_loc() <= high + reach]
                found += [tick.label1 for tick in ticks if tick.label1.get_visible()]
    # Of an annotation the words alone, without its arrow.
    boxes = [(text.get_text(), mpl.text.Text.get_window_extent(text, renderer)) for text in found]
    return [(words, box) for words, box in boxes if words.strip() and np.isfinite(box.get_points()).all()]


def test_no_text_is_cut_and_no_text_lies_on_another(rendered):
    wrong = []
    for drawing, size, figure, renderer in rendered:
        figure.draw_without_rendering()
        page = figure.bbox
        boxes = texts(figure, renderer)
        for words, box in boxes:
            if box.x0 < page.x0 - 0.5 or box.x1 > page.x1 + 0.5 or box.y0 < page.y0 - 0.5 or box.y1 > page.y1 + 0.5:
                wrong.append(f"{drawing.name} {size}: {words!r} is cut")
        for (one, box), (other, beside) in itertools.combinations(boxes, 2):
            across = min(box.x1, beside.x1) - max(box.x0, beside.x0)
            along = min(box.y1, beside.y1) - max(box.y0, beside.y0)
            if across > 0.5 and along > 0.22 * min(box.height, beside.height):
                wrong.append(f"{drawing.name} {size}: {one!r} lies on {other!r}")
    assert not wrong, "\n".join([f"{len(wrong)} places", *wrong[:40]])


def test_what_leaves_a_frame_is_told(rendered):
    for drawing, size, figure, _ in rendered:
        words = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
        for axes in figure.axes:
            if axes.get_visible():
                low, high = sorted(axes.get_ylim())
                bands = [c for c in axes.collections if isinstance(c, PolyCollection)]
                ends = [y for band in bands for path in band.get_paths() for _, y in path.vertices]
                assert all(y <= high + 1e-9 for y in ends), (drawing.name, size)
                if any(y < low - 1e-9 for y in ends):
                    assert "Carets at the foot" in words or "go on below the frame" in words, (drawing.name, size)
