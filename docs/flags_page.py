"""Writes docs/flags.md from the flags themselves: python docs/flags_page.py."""

from __future__ import annotations

from pathlib import Path

from tf_lottery.command.flags import FLAGS, SECTIONS, shown_default
from tf_lottery.command.report import listing

_HEAD = """\
# Flags

<!-- Written by docs/flags_page.py: `make pages`. -->

    python run_experiment.py --strategy=weight_rewind

`--help` prints this page for a terminal, `--list` every name that flags take, `--dry_run` what would run and roughly
how long. Lists take commas: `--density=0.5,0.2`. `--flagfile=FILE` reads flags from a file, or from one of those that
ship, by its name; later flags replace a file's: `--flagfile=quickstart --trials=1`.
"""
_NAMES = """
## Names

What `--list` prints:
"""


def page() -> str:
    """Return the page."""
    lines = [_HEAD]
    for section, names in SECTIONS.items():
        lines += [f"## {section.capitalize()}", "", "| flag | what | default |", "|---|---|---|"]
        for name in names:
            default = f"`{shown_default(name)}`" if shown_default(name) else ""
            lines.append(f"| `--{name}` | {(FLAGS[name].help or '').replace('|', chr(92) + '|')} | {default} |")
        lines.append("")
    return "\n".join([*lines, _NAMES.strip(), "", *(f"    {line}".rstrip() for line in listing().splitlines()), ""])


if __name__ == "__main__":
    Path(__file__).with_name("flags.md").write_text(page(), encoding="utf-8")
