"""Figures for a paper of one's own: without words around them, which are kept beside them."""

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from matplotlib.colors import to_rgb
from matplotlib.image import imread

from paper_figures.catalogue import catalogue
from paper_figures.look import INK, LOOK, SOFT, STYLE, text_colour
from paper_figures.save import save
from paper_figures.scene import scenes


@pytest.fixture(scope="module")
def drawing(found):
    name = "accuracy-cifar10-resnet20-one_shot-global_magnitude"
    return next(one for one in catalogue(scenes(found)) if one.name == name)


def words_of(svg):
    root = ET.parse(svg).getroot()
    return ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_bare_figure_has_its_axes_and_labels_and_its_words_stand_beside_it(drawing, tmp_path):
    save(drawing, tmp_path / "whole", ("svg", "png"))
    save(drawing, tmp_path / "bare", ("svg", "png"), bare=True)
    whole, bare = (words_of(tmp_path / folder / f"{drawing.name}.svg") for folder in ("whole", "bare"))
    told = (tmp_path / f"bare/{drawing.name}.txt").read_text().splitlines()
    assert told[:2] == [drawing.title, drawing.subtitle]
    assert told[2].startswith("Lines: median of 3 trials")
    assert len(told) == 3
    assert not list((tmp_path / "whole").glob("*.txt"))
    assert drawing.title in whole
    assert drawing.title not in bare
    assert {"compression ratio", "change of test accuracy [pp]", "learning rate rewinding", "5.96x"} <= set(bare)
    tall, short = (imread(tmp_path / folder / f"{drawing.name}.png").shape for folder in ("whole", "bare"))
    assert short[1] == tall[1]  # the text width
    assert 0.6 * tall[0] < short[0] < 0.85 * tall[0]


def test_words_of_an_svg_are_words_in_fonts_of_one_width(drawing, tmp_path):
    path = save(drawing, tmp_path, ("svg",))
    assert {drawing.title, drawing.subtitle, "learning rate rewinding"} <= set(words_of(path))
    assert set(re.findall(r"font-family: ([^;\"]+)", path.read_text())) == {"'DejaVu Sans', 'Verdana', sans-serif"}


def luminance(colour):  # WCAG 2.2, relative luminance
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("technique", [*LOOK, "new"])
def test_words_are_dark_enough_to_be_read_and_keep_their_hue(technique):
    assert 1.05 / (luminance(text_colour(technique)) + 0.05) >= 4.5
    assert luminance(text_colour(technique)) > 0.01  # not black


def test_all_that_is_written_on_a_figure_is_dark_enough(drawing):
    with mpl.rc_context(dict(STYLE)):
        figure = drawing.figure("print")
    (axes,) = figure.axes
    seen = [*figure.texts, *axes.texts, axes.xaxis.label, axes.yaxis.label, *axes.get_xticklabels()]
    colours = {text.get_color() for text in seen} | {INK, SOFT}
    assert len(colours) > 4
    for colour in colours:
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, colour
