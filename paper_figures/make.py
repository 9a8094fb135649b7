#!/usr/bin/env python3
"""Draw the figures of the paper, check the claims of its text, and lay one's own results over the published ones."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Sequence
from contextlib import closing
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NoReturn

if not __package__:  # run as a file: Python looks for modules beside it then, not beside the package
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    __package__ = "paper_figures"
    from .console import console

    console()  # imports this file as a module, and exits

import pandas as pd

from tf_lottery import __version__, command_names
from tf_lottery.home import expanded
from tf_lottery.lookup import lookup, nearest

from . import reference, tables
from .blocks import Block, blocks, left_out
from .catalogue import Drawing, catalogue, chosen
from .claims_table import as_text, claims_table
from .compare import COLUMNS as COMPARED
from .compare import as_text as compared
from .compare import compare_table
from .families import FAMILIES
from .missing import gaps
from .page import write_page
from .provenance import Provenance, provenance
from .save import FORMATS, DrawingDiedError, save_all, whole
from .scene import scenes

_READ_AND_WRITE = (
    "Expected files that can be read, and a folder to write to: mend that, or choose another --output_dir."
)
_WHAT_TO_DO = {
    errno.ENOSPC: "The disk is full: free some space and run the same command again.",
    errno.EDQUOT: "The disk quota is used up: free some space and run the same command again.",
    errno.EFBIG: "A file size limit was reached (ulimit -f): raise it and run the same command again.",
}
_FLAGS = (
    *("--output_dir", "--published", "--results", "--only", "--over", "--formats", "--bare", "--compare", "--list"),
    *("--version", "--help"),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        words = message.removeprefix("unrecognized arguments: ")
        hint = nearest(words.split("=")[0], _FLAGS) if words != message else ""
        print(f"paper_figures: {message}.{hint} See --help.", file=sys.stderr)
        sys.exit(2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit status."""
    flags = _parser().parse_args(arguments)
    flags.arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _run(flags)
    except DrawingDiedError:
        return complain(
            "a process that drew figures was killed; for lack of memory, it may be. What it finished is whole. Draw "
            "fewer at a time: give names of figures."
        )
    except ValueError as error:
        return complain(error)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return complain(f"{where}{error.strerror or error}. {_WHAT_TO_DO.get(error.errno or 0, _READ_AND_WRITE)}")


def _run(flags: argparse.Namespace) -> int:
    formats = _formats(flags.formats)
    if flags.compare and (flags.names or flags.only or flags.over or flags.list or not flags.results):
        raise ValueError(
            "--compare sets own results beside the published ones. Expected --results=FILE with it, and no figures, "
            "--only, --over or --list."
        )
    published, own, notes = _read(flags)
    compared = compare_table(published, own) if len(published) and len(own) else pd.DataFrame(columns=[*COMPARED])
    if flags.compare:
        return _compare(compared, notes, expanded(flags.output_dir))
    table = pd.concat([part for part in (published, own) if len(part)] or [published], ignore_index=True)
    if not len(table):
        raise ValueError("no results to draw. Expected --results=FILE with --only=own.")
    found = blocks(table)
    notes += left_out(table)
    if len(own) and not any(block.source == "own" for block in found):
        raise ValueError("no network of --results can be drawn: " + ". ".join(notes or ["none is pruned"]) + ".")
    if not found:
        raise ValueError("no pruned network has a dense one of the same training to compare with. Give both.")
    if flags.over and flags.over not in set(table.network[table.source == "published"]):
        known = sorted({block.network for block in found if block.source == "published"})
        hint = nearest(flags.over, known)
        raise ValueError(f"--over={flags.over}: no such published network.{hint} Known: {', '.join(known)}")
    drawings = catalogue(scenes(found, over=flags.over))
    wanted = chosen(drawings, flags.names)
    for note in notes:
        print(f"paper_figures: {note}", file=sys.stderr)
    if flags.list:
        print(_listing(wanted))
        return 0
    return _make(wanted, found, compared, _origin(flags), expanded(flags.output_dir), formats, bare=flags.bare)


def _read(flags: argparse.Namespace) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return published results, own ones, and notes on what was left out."""
    published, own = pd.DataFrame(), pd.DataFrame()
    notes: list[str] = []
    if flags.only != "own":
        published, notes = tables.published(expanded(flags.published) if flags.published else None)
    if flags.results and flags.only != "published":
        own, more = tables.own(_patterns(flags))
        notes += more
    return published, own, notes


def _compare(table: pd.DataFrame, notes: Sequence[str], folder: Path) -> int:
    """Print what is published beside what is one's own, and write it as CSV."""
    for note in notes:
        print(f"paper_figures: {note}", file=sys.stderr)
    text = compared(table)
    folder.mkdir(parents=True, exist_ok=True)
    _write(table, folder / "compare.csv")
    print(f"{text}\n\ncompared {folder / 'compare.csv'}")
    return 0


def _write(table: pd.DataFrame, path: Path) -> None:
    with whole(path) as beside:
        table.to_csv(beside, index=False, lineterminator="\n", float_format="%.6g")


def _formats(text: str) -> tuple[str, ...]:
    """Return the formats to write, SVG first: the page shows it."""
    formats = text.split(",")
    for name in formats:
        lookup("format", FORMATS, name)
    return tuple(dict.fromkeys(["svg", *formats]))


def _origin(flags: argparse.Namespace) -> Provenance:
    read: list[Path | Traversable] = []
    if flags.only != "own":
        read += tables.published_files(expanded(flags.published)) if flags.published else [reference.file()]
    if flags.only != "published":
        read += tables.own_files(_patterns(flags))
    return provenance(flags.arguments, read, version=__version__)


def _patterns(flags: argparse.Namespace) -> list[str]:
    return [pattern for group in flags.results or () for pattern in group]


def _make(
    drawings: Sequence[Drawing],
    found: Sequence[Block],
    compared: pd.DataFrame,
    origin: Provenance,
    folder: Path,
    formats: Sequence[str],
    *,
    bare: bool,
) -> int:
    with closing(save_all(drawings, folder, formats, bare=bare)) as paths:
        for path in paths:
            print(path, flush=True)
    checked = claims_table([block for block in found if block.source == "own"] or found)
    if len({block.source for block in found}) > 1:
        checked = pd.concat([checked, claims_table([b for b in found if b.source == "published"])], ignore_index=True)
    _write(checked, folder / "claims.csv")
    if (compared.place != "").any():
        _write(compared, folder / "compare.csv")
    lacking = gaps(found)
    write_page(folder / "index.html", drawings, checked, lacking, formats, compared=compared, origin=origin)
    print(f"\n{as_text(checked)}\n")
    for gap in lacking:
        print(f"missing: {gap.text}\n    {gap.command}")
    counts = checked.verdict.value_counts()
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    print(f"claims   {folder / 'claims.csv'}: {told}; {(checked.settled == 'no').sum()} unsettled by their trials")
    print(f"page     {folder / 'index.html'}")
    return 0


def _listing(drawings: Sequence[Drawing]) -> str:
    lines = []
    for family in dict.fromkeys(drawing.family for drawing in drawings):
        row = FAMILIES[family]
        lines.append(f"{family}: {row.caption} ({row.paper}). Needs {row.needs}.")
        lines += [f"  {d.name:68} {d.paper}; {d.title}" for d in drawings if d.family == family]
    return "\n".join(lines)


def _path(text: str) -> str:
    """Refuse `--output_dir=`, as of a shell's variable that is unset: it would be the working folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; expected a path")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=command_names.figures(), description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", help="figures, families or networks that --list shows; default: all")
    parser.add_argument(
        "--output_dir", type=_path, default="figures", help="folder for figures, CSVs and index.html [figures]"
    )
    parser.add_argument(
        "--published", type=_path,
        help="the authors' release or part of it: a pickle, CSV or Parquet, or a folder of them; "
        "default: the table that ships with the package"
    )  # fmt: skip
    parser.add_argument(
        "--results", type=_path, action="append", nargs="+", metavar="FILE",
        help="results.csv of an experiment, any number, also with commas; * is expanded: "
        "--results='runs/*/results.csv'",
    )  # fmt: skip
    parser.add_argument(
        "--only", choices=("own", "published"), help="draw only one's own results, or the published ones"
    )
    parser.add_argument("--over", metavar="NETWORK", help="lay all own results over this published network's")
    parser.add_argument(
        "--formats", default=",".join(FORMATS), help="what to write beside SVG and CSV, with commas [%(default)s]"
    )
    parser.add_argument(
        "--bare", action="store_true", help="figures without title, subtitle and note; these go to a .txt beside each"
    )
    parser.add_argument(
        "--compare", action="store_true",
        help="draw nothing: print own results beside the published ones of the same network, training and cell",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the figures that there is data for, and draw none")
    parser.add_argument("--version", action="version", version=f"tf_lottery {__version__}")
    return parser


def complain(message: object) -> int:
    """Say on stderr what is wrong, and return the exit status."""
    print(f"paper_figures: {message}", file=sys.stderr)
    return 1
