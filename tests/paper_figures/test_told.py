"""What the command and the page say of themselves and of the data, in words."""

import re

import pytest

from paper_figures.blocks import blocks
from paper_figures.catalogue import catalogue
from paper_figures.claims_table import claims_table
from paper_figures.compare import compare_table
from paper_figures.make import main
from paper_figures.page import write_page
from paper_figures.provenance import provenance
from paper_figures.save import save
from paper_figures.scene import scenes


@pytest.fixture(scope="module")
def page_of(tmp_path_factory):
    """Write the page of a table with one figure, and return its text."""

    def make(table):
        folder = tmp_path_factory.mktemp("page")
        found = blocks(table)
        (drawing, *_) = (drawing for drawing in catalogue(scenes(found)) if drawing.family == "accuracy")
        save(drawing, folder, ["svg"])
        write_page(
            folder / "index.html", [drawing], claims_table(found), [], ["svg"],
            compared=compare_table(table, table.iloc[:0]), origin=provenance(["--only=own"], [], version="1"),
        )  # fmt: skip
        return (folder / "index.html").read_text()

    return make


def test_a_figure_of_other_networks_is_not_said_to_be_in_the_paper(small, published, page_of):
    theirs = page_of(published[published.network == "resnet20"])
    mine = page_of(small[small.technique != "novel"].assign(source="own"))
    assert re.findall("In the paper: ([^<]*)<", theirs) == ["appendix."]  # of ResNet-20
    (told,) = re.findall("In the paper: ([^<]*)<", mine)
    assert told.startswith("no figure; of the paper's own networks".replace("'", "&#x27;"))


def test_the_page_says_which_verdicts_are_unsettled(published, page_of):
    table = published[published.network == "resnet20"]
    unsettled = (claims_table(blocks(table)).settled == "no").sum()
    assert unsettled > 0
    assert len(re.findall("(?:holds|fails), unsettled</td>", page_of(table))) == unsettled


def test_every_flag_has_a_word_of_help(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = re.split(r"\n  (?=-)", capsys.readouterr().out)[1:]
    assert len(told) >= 9
    for flag in told:
        words = re.sub(r"^(-\w, )?--\w+( (\{[^}]*\}|[A-Z_]+)( \[[^\]]*\])?)?", "", flag).split()
        assert len(words) >= 3, flag
