"""The page of all figures: one HTML file beside them that needs no network."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import pandas as pd

from .catalogue import Drawing
from .families import FAMILIES, NUMBERING
from .look import name, network_name, schedule_name
from .missing import Gap
from .page_claims import claims_by_figure, claims_rows, verdict
from .page_compare import comparison
from .provenance import Provenance
from .save import FORMATS, whole

_PIXELS_PER_POINT = 96 / 72  # of CSS
_SOURCES = {"published": "published", "own": "own"}


def write_page(
    path: Path,
    drawings: Sequence[Drawing],
    claims: pd.DataFrame,
    gaps: Sequence[Gap],
    formats: Collection[str],
    *,
    compared: pd.DataFrame,
    origin: Provenance,
) -> None:
    """Write the page; the figures, their CSVs, claims.csv and compare.csv stand beside it already.

    Args:
        path: Of the page.
        drawings: The figures that were saved beside it, as SVG at least.
        claims: Of `claims_table`.
        gaps: What one's own results lack.
        formats: In which figures were saved, names of `save.FORMATS`.
        compared: Of `compare_table`.
        origin: Where it is from.

    Raises:
        OSError: It cannot be written.
    """
    parts = files(__package__) / "page_parts"
    sources = dict.fromkeys(source for drawing in drawings for source in _sources(drawing))
    beside, lacking = comparison(compared), _missing(gaps)
    text = Template((parts / "template.html").read_text(encoding="utf-8")).substitute(
        css=(parts / "page.css").read_text(encoding="utf-8"),
        js=(parts / "page.js").read_text(encoding="utf-8"),
        words=(parts / "words.html").read_text(encoding="utf-8"),
        intro=escape(_intro(list(sources))),
        numbering=escape(NUMBERING),
        verdict=verdict(claims),
        contents=_contents(drawings, [("compare", "Published against own")] if beside else [], bool(lacking)),
        filters=_filters(drawings, list(sources)),
        count=f"{len(drawings)} figure{'' if len(drawings) == 1 else 's'}",
        compare=beside,
        figures=_families(path.parent, drawings, claims_by_figure(claims, drawings), formats),
        claims=claims_rows(claims, drawings),
        missing=lacking,
        provenance=_provenance(origin),
    )
    with whole(path) as half:
        half.write_text(text, encoding="utf-8", errors="surrogateescape")  # paths as they are


def _intro(sources: Sequence[str]) -> str:
    alone = {"published": "the published results", "own": "one's own results"}
    whose = alone.get(" ".join(sources), "one's own results (filled, strong) over the published ones (hollow, light)")
    return (
        "The figures and claims of \u201cComparing Rewinding and Fine-tuning in Neural Network Pruning\u201d (Renda, "
        f"Frankle, Carbin, ICLR 2020), drawn from {whose}."
    )


def _contents(drawings: Sequence[Drawing], compared: Sequence[tuple[str, str]], lacks: bool) -> str:
    count: dict[str, int] = {}
    for drawing in drawings:
        count[drawing.family] = count.get(drawing.family, 0) + 1
    inner = "".join(
        f'<li data-of="family-{escape(family)}"><a href="#family-{escape(family)}">{escape(_spaced(family))}</a> '
        f"({number})</li>"
        for family, number in count.items()
    )
    links = [
        *compared,
        ("figures", "Figures"),
        ("claims", "Claims"),
        *([("missing", "Missing")] if lacks else []),
        ("words", "Words"),
        ("provenance", "Where this is from"),
    ]
    outer = "".join(f'<li><a href="#{target}">{text}</a></li>' for target, text in links)
    return f'<ul>{outer}</ul>\n<ul aria-label="Kinds of figures">{inner}</ul>'


def _filters(drawings: Sequence[Drawing], sources: Sequence[str]) -> str:
    """Return a choice for whatever there are several of."""
    every: Mapping[str, tuple[str, Iterable[tuple[str, str]]]] = {
        "network": ("Network", ((one, network_name(one)) for d in drawings for one in d.networks)),
        "technique": ("Technique", ((one, name(one)) for d in drawings for one in d.techniques)),
        "schedule": ("Schedule", ((one, schedule_name(one)) for d in drawings for one in _schedules(d))),
        "source": ("Results", ((one, _SOURCES[one]) for one in sources)),
        "family": ("Kind", ((d.family, _spaced(d.family)) for d in drawings)),
    }
    found = {key: (label, dict(choices)) for key, (label, choices) in every.items()}
    return "".join(
        f'<label>{label} <select id="{key}"><option value="">all</option>{_options(choices)}</select></label>\n'
        for key, (label, choices) in found.items()
        if len(choices) > 1
    )


def _options(choices: Mapping[str, str]) -> str:
    return "".join(f'<option value="{escape(value)}">{escape(text)}</option>' for value, text in choices.items())


def _families(folder: Path, drawings: Sequence[Drawing], claims: Mapping[str, str], formats: Collection[str]) -> str:
    """Return the figures, a section for each family."""
    made: dict[str, list[str]] = {}
    for drawing in drawings:
        made.setdefault(drawing.family, []).append(_figure(folder, drawing, claims[drawing.name], formats))
    return "".join(
        f'<section class="family" id="family-{escape(family)}" aria-labelledby="heading-{escape(family)}">\n'
        f'<h3 id="heading-{escape(family)}">{escape(_capital(_spaced(family)))}</h3>\n'
        f"<p>{escape(_sentence(FAMILIES[family].caption))}</p>\n"
        f'<div class="gallery">\n{"".join(figures)}</div>\n</section>\n'
        for family, figures in made.items()
    )


def _figure(folder: Path, drawing: Drawing, claims: str, formats: Collection[str]) -> str:
    width, height = _pixels(folder / f"{drawing.name}.svg")
    stem = escape(drawing.name)
    files = {"CSV": ".csv"} | {name.replace("-", " "): FORMATS[name][1] for name in formats}
    listed = "".join(
        f'<li><a href="{stem}{ending}">{re.sub("svg|png|pdf", lambda found: found[0].upper(), text)}</a></li>'
        for text, ending in files.items()
    )
    data = {
        "network": drawing.networks,
        "technique": drawing.techniques,
        "schedule": _schedules(drawing),
        "source": _sources(drawing),
        "family": (drawing.family,),
    }
    told = "".join(f' data-{key}="{escape(" ".join(words))}"' for key, words in data.items())
    return (
        f'<article id="{stem}"{told}>\n<h4>{escape(drawing.title)}</h4>\n'
        # An image, and no <object>: that shows an SVG at its own size, cut where the column is narrower, and has no
        # alternative text. Text is selectable in the file, which the link opens.
        f'<a href="{stem}.svg"><img src="{stem}.svg" alt="{escape(drawing.alt)}" loading="lazy" decoding="async" '
        f'width="{width}" height="{height}"></a>\n'
        f"<p>{escape(_caption(drawing))}</p>\n{claims}"
        f'<ul class="files" aria-label="Files of this figure">{listed}</ul>\n</article>\n'
    )


def _caption(drawing: Drawing) -> str:
    return f"In the paper: {drawing.paper}."


def _sources(drawing: Drawing) -> tuple[str, ...]:
    return tuple(dict.fromkeys(block.source for scene in drawing.scenes for block in scene.blocks))


def _schedules(drawing: Drawing) -> tuple[str, ...]:
    return tuple(dict.fromkeys(block.schedule for scene in drawing.scenes for block in scene.blocks))


def _spaced(family: str) -> str:
    words = re.sub(r"^figure(\d)$", r"Figure \1", family)
    return words.replace("_", " ").replace("flops", "FLOPs")


def _sentence(text: str) -> str:
    return f"{_capital(text)}."


def _capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _pixels(svg: Path) -> tuple[int, int]:
    """Return width and height of a picture for the page, from the head of its file, in points there."""
    with svg.open(encoding="utf-8") as file:
        width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', file.read(1000))
    return round(float(width) * _PIXELS_PER_POINT), round(float(height) * _PIXELS_PER_POINT)


def _missing(gaps: Sequence[Gap]) -> str:
    if not gaps:
        return ""
    listed = "".join(f"<p>{escape(gap.text)}</p><pre><code>{escape(gap.command)}</code></pre>\n" for gap in gaps)
    return f'<h2 id="missing">Missing in one\'s own results</h2>\n{listed}'


def _provenance(origin: Provenance) -> str:
    listed = "".join(f"<li><code>{escape(name)}</code> <code>{digest}</code></li>" for name, digest in origin.files)
    return (
        f"<dl>\n<dt>Drawn</dt><dd>{origin.day} (UTC), by {escape(origin.versions)}</dd>\n"
        f"<dt>Command</dt><dd><code>{escape(origin.command)}</code></dd>\n"
        f"<dt>Data, with the SHA-256 of each file</dt><dd><ul>{listed}</ul></dd>\n</dl>"
    )
