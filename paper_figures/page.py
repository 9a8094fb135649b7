"""The page of all figures: one HTML file beside them that needs no network."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd

from .catalogue import Drawing
from .claims_table import shown, trainings_of
from .families import FAMILIES
from .look import dataset_name, name, network_name, pruning_name
from .missing import Gap
from .save import FORMATS, whole

_VERDICTS = {"holds": ("holds", "\u2713 holds"), "fails": ("fails", "\u2717 fails")}
_PIXELS_PER_POINT = 96 / 72  # of CSS


def write_page(
    path: Path, drawings: Sequence[Drawing], claims: pd.DataFrame, gaps: Sequence[Gap], formats: Collection[str]
) -> None:
    """Write the page; the figures, their CSVs and claims.csv stand beside it already.

    Args:
        path: Of the page.
        drawings: The figures that were saved beside it, as SVG at least.
        claims: Of `claims_table`.
        gaps: What one's own results lack.
        formats: In which figures were saved, names of `save.FORMATS`.

    Raises:
        OSError: It cannot be written.
    """
    parts = files(__package__) / "page_parts"
    networks = dict.fromkeys(network for drawing in drawings for network in drawing.networks)
    techniques = dict.fromkeys(technique for drawing in drawings for technique in drawing.techniques)
    sources = dict.fromkeys(block.source for drawing in drawings for scene in drawing.scenes for block in scene.blocks)
    text = Template((parts / "template.html").read_text(encoding="utf-8")).substitute(
        css=(parts / "page.css").read_text(encoding="utf-8"),
        js=(parts / "page.js").read_text(encoding="utf-8"),
        intro=escape(_intro(list(sources))),
        networks=_options((network, network_name(network)) for network in networks),
        techniques=_options((technique, name(technique)) for technique in techniques),
        families=_options((d, d.replace("_", " ")) for d in dict.fromkeys(drawing.family for drawing in drawings)),
        count=len(drawings),
        figures="".join(_figure(path.parent, drawing, formats) for drawing in drawings),
        claims_intro=escape(
            "Each statement that data can contradict, with the rule that checks it. Differences are in percentage "
            "points (pp) of test accuracy or in BLEU, between medians over trials. The interval is a bootstrap "
            "over trials, of 90%; a verdict is unsettled where the claim's limit lies within it. The safe zone is "
            "retraining for 25% to 90% of T, the epochs of the dense training."
        ),
        claims="".join(
            _claim(rows) for _, rows in claims.assign(more=trainings_of(claims)).groupby("claim", sort=False)
        ),
        missing=_missing(gaps),
    )
    with whole(path) as beside:
        beside.write_text(text, encoding="utf-8", errors="surrogateescape")  # paths as they are


def _intro(sources: Sequence[str]) -> str:
    alone = {"published": "the published results", "own": "one's own results"}
    whose = alone.get(" ".join(sources), "one's own results (filled, strong) over the published ones (hollow, light)")
    return (
        "The figures and claims of \u201cComparing Rewinding and Fine-tuning in Neural Network Pruning\u201d (Renda, "
        f"Frankle, Carbin, ICLR 2020), drawn from {whose}."
    )


def _options(choices: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<option value="{escape(value)}">{escape(shown_as)}</option>' for value, shown_as in choices)


def _figure(folder: Path, drawing: Drawing, formats: Collection[str]) -> str:
    width, height = _pixels(folder / f"{drawing.name}.svg")
    stem = escape(drawing.name)
    files = {"CSV": ".csv"} | {name.replace("-", " "): FORMATS[name][1] for name in formats}
    listed = "".join(
        f'<li><a href="{stem}{ending}">{re.sub("svg|png|pdf", lambda found: found[0].upper(), text)}</a></li>'
        for text, ending in files.items()
    )
    return (
        f'<article id="{stem}" data-network="{escape(" ".join(drawing.networks))}" '
        f'data-technique="{escape(" ".join(drawing.techniques))}" data-family="{escape(drawing.family)}">\n'
        f"<h3>{escape(drawing.title)}</h3>\n"
        f'<a href="{stem}.svg"><img src="{stem}.svg" alt="{escape(drawing.alt)}" '
        f'width="{width}" height="{height}"></a>\n'
        f"<p>{escape(_caption(drawing))}</p>\n"
        f'<ul class="files" aria-label="Files of this figure">{listed}</ul>\n</article>\n'
    )


def _caption(drawing: Drawing) -> str:
    shown = FAMILIES[drawing.family].caption
    theirs = all(scene.front.source == "published" for scene in drawing.scenes)
    where = "In the paper" if theirs else "In the paper, of its networks"
    return f"{shown[:1].upper()}{shown[1:]}. {where}: {drawing.paper}."


def _pixels(svg: Path) -> tuple[int, int]:
    """Return width and height of a picture for the page, from the head of its file, in points there."""
    with svg.open(encoding="utf-8") as file:
        width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', file.read(1000))
    return round(float(width) * _PIXELS_PER_POINT), round(float(height) * _PIXELS_PER_POINT)


def _claim(rows: pd.DataFrame) -> str:
    """Return a claim's part of the table: the claim and its rule, then a row for each network."""
    claim = rows.iloc[0]
    return (
        f'<tbody>\n<tr data-network="{escape(" ".join(dict.fromkeys(rows.network)))}">'
        f'<th colspan="6" scope="rowgroup">{escape(claim.statement)}'
        f"<p>{escape(claim['where'][:1].upper() + claim['where'][1:])}. Rule: {escape(claim.rule)}.</p></th></tr>\n"
        f"{''.join(_verdict(row) for _, row in rows.iterrows())}</tbody>\n"
    )


def _verdict(row: pd.Series[Any]) -> str:
    kind, verdict = _VERDICTS.get(row.verdict, ("unknown", str(row.verdict)))
    write = shown(row.unit)
    interval = "" if np.isnan(row.low) else f"{write(row.low)} to {write(row.high)}"
    what = f"{network_name(row.network)} on {dataset_name(row.dataset)}, {pruning_name(row.schedule, row.heuristic)}"
    what += f", {row.more}" if row.more else ""
    verdict += ", unsettled" if row.settled == "no" else ""
    unit = "" if np.isnan(row.value) else f" {row.unit}"
    return (
        f'<tr data-network="{escape(row.network)}"><th scope="row">{escape(what)}'
        f"{' (own)' if row.source == 'own' else ''}</th>"
        f'<td class="number">{write(row.published)}</td><td class="number">{write(row.value)}{escape(unit)}</td>'
        f'<td class="number">{escape(interval or str(row.uncertainty))}</td><td class="number">{row.trials}</td>'
        f'<td class="{kind}">{escape(verdict)}</td></tr>\n'
    )


def _missing(gaps: Sequence[Gap]) -> str:
    if not gaps:
        return ""
    listed = "".join(f"<p>{escape(gap.text)}</p><pre><code>{escape(gap.command)}</code></pre>\n" for gap in gaps)
    return f'<h2 id="missing">Missing in one\'s own results</h2>\n{listed}'
