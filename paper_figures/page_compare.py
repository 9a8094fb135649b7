"""Published against own on the page."""

from __future__ import annotations

from html import escape

import pandas as pd

from .compare import CHANCE, RULE, doubtful, studies, summary, text_table, unmatched
from .look import name

_LABELS = ("Technique", "Density", "t", "Published", "Own", "Difference", "Place")


def comparison(table: pd.DataFrame) -> str:
    """Return the section, "" where no cell has a partner.

    Args:
        table: Of `compare_table`.
    """
    matched = table[table.place != ""]
    if not len(matched):
        return ""
    lines = [*doubtful(matched), *(f"No published partner: {line}." for line in unmatched(table))]
    told = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        f'<h2 id="compare">Published against own</h2>\n<p><b>{escape(summary(matched))}</b> {escape(RULE)} '
        f'{escape(CHANCE)} n: trials. <a href="compare.csv" download>All of it as CSV</a>.</p>\n'
        + "".join(_study(title, rows) for title, rows in studies(matched))
        + (f"<ul>{told}</ul>\n" if told else "")
    )


def _study(title: str, rows: pd.DataFrame) -> str:
    head = "".join(
        f'<th scope="col" role="columnheader"{_number(place)}>{label}</th>' for place, label in enumerate(_LABELS)
    )
    return (
        f'<div class="scroll"><table role="table" class="compare">\n<caption>{escape(title)}</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n<tbody role="rowgroup">\n'
        + "".join(
            f'<tr role="row" data-network="{escape(row.network)}" data-schedule="{escape(row.schedule)}" '
            f'data-technique="{escape(row.technique)}">{_cells(*texts)}</tr>\n'
            for (_, row), texts in zip(rows.iterrows(), text_table(rows).to_numpy().tolist(), strict=True)
        )
        + "</tbody></table></div>\n"
    )


def _cells(
    technique: str, density: str, t: str, published: str, of: str, own: str, own_of: str, change: str, place: str
) -> str:
    others = (density, t, f"{published}, n = {of}", f"{own}, n = {own_of}", change, place)
    return f'<th scope="row" role="rowheader">{escape(name(technique))}</th>' + "".join(
        f'<td role="cell"{_number(column)} data-label="{_LABELS[column]}">{escape(text)}</td>'
        for column, text in enumerate(others, 1)
    )


def _number(place: int) -> str:
    return ' class="number"' if 0 < place < len(_LABELS) - 1 else ""
