"""Published against own on the page."""

from __future__ import annotations

from html import escape

import pandas as pd

from .compare import CHANCE, RULE, studies, summary, text_table, unmatched

_LABELS = ("Technique", "Density", "t", "Published", "Trials", "Own", "Trials", "Difference", "Place")


def comparison(table: pd.DataFrame) -> str:
    """Return the section, "" where no cell has a partner.

    Args:
        table: Of `compare_table`.
    """
    matched = table[table.place != ""]
    if not len(matched):
        return ""
    told = "".join(f"<li>No published partner: {escape(line)}.</li>" for line in unmatched(table))
    return (
        f'<h2 id="compare">Published against own</h2>\n<p><b>{escape(summary(matched))}</b> {escape(RULE)} '
        f'{escape(CHANCE)} <a href="compare.csv" download>All of it as CSV</a>.</p>\n'
        + "".join(_study(title, rows) for title, rows in studies(matched))
        + (f"<ul>{told}</ul>\n" if told else "")
    )


def _study(title: str, rows: pd.DataFrame) -> str:
    head = "".join(
        f'<th scope="col" role="columnheader"{_number(place)}>{label}</th>' for place, label in enumerate(_LABELS)
    )
    return (
        f'<div class="scroll"><table role="table">\n<caption>{escape(title)}</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n<tbody role="rowgroup">\n'
        + "".join(
            f'<tr role="row" data-network="{escape(row.network)}" data-schedule="{escape(row.schedule)}" '
            f'data-technique="{escape(row.technique)}">{_cells(texts)}</tr>\n'
            for (_, row), texts in zip(rows.iterrows(), text_table(rows).to_numpy().tolist(), strict=True)
        )
        + "</tbody></table></div>\n"
    )


def _cells(texts: list[str]) -> str:
    first, *others = texts
    return f'<th scope="row" role="rowheader">{escape(first)}</th>' + "".join(
        f'<td role="cell"{_number(place)} data-label="{_LABELS[place]}">{escape(text)}</td>'
        for place, text in enumerate(others, 1)
    )


def _number(place: int) -> str:
    return ' class="number"' if 0 < place < len(_LABELS) - 1 else ""
