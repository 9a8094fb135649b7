"""The claims on the page: how many hold, and the table of them, each with the figures that show it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from .catalogue import Drawing
from .claims import CLAIMS
from .claims_since import CLAIMS_SINCE
from .claims_table import shown, trainings_of
from .look import dataset_name, network_name, pruning_name
from .shown_by import figures_of

_VERDICTS = {"holds": ("holds", "\u2713 holds"), "fails": ("fails", "\u2717 fails")}
_WHOSE = {"own": "own results", "published": "published results"}


def verdict(claims: pd.DataFrame) -> str:
    """Return in a line for each source how many claims hold, fail, are unsettled and lack data, and which fail."""
    return "".join(_of_source(str(source), rows) for source, rows in claims.groupby("source", sort=False))


def claims_rows(claims: pd.DataFrame, drawings: Sequence[Drawing]) -> str:
    """Return the bodies of the table: for each claim it and its rule, then a row for each network."""
    told = claims.assign(more=trainings_of(claims))
    return "".join(_claim(str(name), rows, drawings) for name, rows in told.groupby("claim", sort=False))


def claims_by_figure(claims: pd.DataFrame, drawings: Sequence[Drawing]) -> Mapping[str, str]:
    """Return for each figure's name the list of the claims that it shows, with their verdicts, "" for none."""
    shown_in: dict[str, list[pd.Series[Any]]] = {drawing.name: [] for drawing in drawings}
    for _, row in claims.iterrows():
        for drawing in figures_of(row, drawings):
            shown_in[drawing.name].append(row)
    return {name: _list(rows) for name, rows in shown_in.items()}


def _of_source(source: str, rows: pd.DataFrame) -> str:
    of = rows.verdict.value_counts()
    counts = (("holds", "hold", "holds"), ("fails", "fail", "fails"), ("not enough data", "lack data", "lacks data"))
    parts = [
        f'<span class="{_VERDICTS.get(kind, ("unknown",))[0]}"><b>{of.get(kind, 0)}</b> '
        f"{one if of.get(kind, 0) == 1 else many}</span>"
        for kind, many, one in counts
    ]
    unsettled = int((rows.settled == "no").sum())
    alone = int((rows.verdict.isin(_VERDICTS) & (rows.settled == "")).sum())
    untold = f", and {alone} {'rests' if alone == 1 else 'rest'} on one trial, without an interval" if alone else ""
    networks = rows[["network", "dataset"]].drop_duplicates()
    named = ", ".join(
        f"{network_name(network)} on {dataset_name(dataset)}"
        for network, dataset in zip(networks.network, networks.dataset, strict=True)
    )
    fails = "".join(
        f'<li><a href="#claim-{escape(row.claim)}">{escape(row.statement)}</a> ({escape(_what(row, ""))})</li>'
        for _, row in rows[rows.verdict == "fails"].iterrows()
    )
    return (
        f'<p class="verdict">{escape(_WHOSE[source].capitalize())}, {escape(named)}: of {len(rows)} checks '
        f"{', '.join(parts)}; {unsettled} {'is' if unsettled == 1 else 'are'} unsettled by the trials{untold}.</p>\n"
        + (f'<p class="fails-list">Fails:</p><ul>{fails}</ul>\n' if fails else "")
    )


def _what(row: pd.Series[Any], own: str = " (own)") -> str:
    """Return whose networks a row is about."""
    return (
        f"{network_name(row.network)} on {dataset_name(row.dataset)}, {pruning_name(row.schedule, row.heuristic)}"
        + (f", {row.more}" if row.get("more") else "")
        + (own if row.source == "own" else "")
    )


def _claim(name: str, rows: pd.DataFrame, drawings: Sequence[Drawing]) -> str:
    claim = rows.iloc[0]
    return (
        f'<tbody id="claim-{escape(name)}" role="rowgroup">\n'
        f'<tr role="row" class="statement"{_data(name, rows)}>'
        f'<th colspan="6" scope="rowgroup" role="rowheader">{escape(claim.statement)}'
        f"<p>{escape(claim['where'][:1].upper() + claim['where'][1:])}. Rule: {escape(claim.rule)}.</p></th></tr>\n"
        f"{''.join(_row(name, rows.loc[[place]], drawings) for place in rows.index)}</tbody>\n"
    )


def _data(name: str, rows: pd.DataFrame) -> str:
    """Return what the filters look at."""
    claim = {**CLAIMS, **CLAIMS_SINCE}[name]
    values: dict[str, Iterable[str]] = {
        "network": rows.network,
        "technique": claim.techniques,
        "schedule": [*rows.schedule, *({claim.beside} & {"one_shot", "iterative"})],
        "source": rows.source,
    }
    return "".join(f' data-{key}="{escape(" ".join(dict.fromkeys(words)))}"' for key, words in values.items())


def _row(name: str, one: pd.DataFrame, drawings: Sequence[Drawing]) -> str:
    row = one.iloc[0]
    kind, verdict = _verdict(row)
    write = shown(row.unit)
    interval = "" if np.isnan(row.low) else f"{write(row.low)} to {write(row.high)}"
    unit = "" if np.isnan(row.value) else f" {row.unit}"
    links = ", ".join(
        f'<a href="#{escape(drawing.name)}">{escape(drawing.family.replace("_", " "))}</a>'
        for drawing in figures_of(row, drawings)
    )
    cells = (
        ("Published", "number", write(row.published)),
        ("Given data", "number", write(row.value) + unit),
        ("90% interval", "number", interval or str(row.uncertainty)),
        ("Trials", "number", str(row.trials)),
        ("Verdict", kind, verdict),
    )
    return (
        f'<tr role="row"{_data(name, one)}><th scope="row" role="rowheader">{escape(_what(row))}'
        f"{f'<small>Figures: {links}</small>' if links else ''}</th>"
        + "".join(
            f'<td role="cell" class="{kind}" data-label="{label}">{escape(text)}</td>' for label, kind, text in cells
        )
        + "</tr>\n"
    )


def _verdict(row: pd.Series[Any]) -> tuple[str, str]:
    kind, text = _VERDICTS.get(row.verdict, ("unknown", str(row.verdict)))
    return kind, text + (", unsettled" if row.settled == "no" else "")


def _list(rows: Sequence[pd.Series[Any]]) -> str:
    if not rows:
        return ""
    listed = "".join(
        f'<li><span class="{_verdict(row)[0]}">{escape(_verdict(row)[1])}</span>: '
        f'<a href="#claim-{escape(row.claim)}">{escape(row.statement)}</a> ({escape(_what(row))})</li>'
        for row in rows
    )
    holds, fails = (sum(row.verdict == verdict for row in rows) for verdict in ("holds", "fails"))
    counts = ", ".join(f"{count} {word}" for count, word in ((holds, "\u2713"), (fails, "\u2717")) if count)
    many = f"{len(rows)} claim{'' if len(rows) == 1 else 's'}"
    return f"<details><summary>{many} seen here{f': {counts}' if counts else ''}</summary><ul>{listed}</ul></details>\n"
