"""Flagfiles that are found from any folder, and may include one another."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tf_lottery.home import expanded
from tf_lottery.lookup import nearest

# What editors and shells of Windows write first, and how it goes on.
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class FlagfileError(Exception):
    """A flagfile that cannot be read."""


def expand(argv: Sequence[str], *, fallback: Path) -> list[str]:
    """Return the arguments with the lines of each --flagfile in its place.

    A path is tried from the working directory, then from the including file's folder, then from `fallback`, where the
    files of its flags/ go by their names alone. The ending .flags may be left out. In a file, empty lines and those
    that begin with # are left out. (absl's own --flagfile takes the working directory only, also inside of files.)

    Raises:
        FlagfileError: No such file, one that is no text, or files that include one another in a circle.
    """
    return [argv[0], *_expand(argv[1:], (*_working_folder(), fallback), ())]


def _working_folder() -> list[Path]:
    """Return it; nothing if somebody removed it."""
    with suppress(OSError):
        return [Path.cwd()]
    return []


def _expand(arguments: Sequence[str], folders: tuple[Path, ...], within: tuple[Path, ...]) -> Iterator[str]:
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if name not in ("--flagfile", "-flagfile"):
            yield argument
            continue
        for path in (value if equals else next(rest, "")).split(","):
            file = _find(path, folders)
            if file in within:
                raise FlagfileError(f"--flagfile={path}: {file} includes itself. Remove one of the --flagfile lines.")
            yield from _expand(_flags(file), (folders[0], file.parent, folders[-1]), (*within, file))


def _find(path: str, folders: tuple[Path, ...]) -> Path:
    shipped = folders[-1] / "flags"
    try:
        for folder in (*folders, shipped):
            for name in (path, f"{path}.flags"):
                if path and (file := folder / expanded(name)).is_file():
                    return file.resolve()
    except (OSError, ValueError) as error:  # a name that is too long, a folder that may not be searched
        raise FlagfileError(f"--flagfile={path}: {getattr(error, 'strerror', None) or error}") from None
    files = sorted(shipped.glob("*.flags"))
    known = [f"flags/{file.name}" for file in files]
    if not path:
        raise FlagfileError(f"--flagfile is empty: expected a file. Known: {', '.join(known)}.")
    near = nearest(path, known) or nearest(path, [name for file in files for name in (file.stem, file.name)])
    raise FlagfileError(
        f"--flagfile={path}: no flagfile {path!r} in {', '.join(dict.fromkeys(map(str, folders)))}.{near} "
        f"Known: {', '.join(known)}."
    )


def _flags(file: Path) -> list[str]:
    """Return the lines that are flags."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise FlagfileError(f"--flagfile={file}: {error.strerror}. Expected a file that may be read.") from None
    encoding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    flags = []
    for number, line in enumerate(content.decode(encoding, errors="surrogateescape").splitlines(), 1):
        if not (flag := line.strip()) or flag.startswith("#"):
            continue
        shown = flag.encode(errors="replace").decode()
        if "\0" in flag or flag != shown:
            raise FlagfileError(
                f"--flagfile={file}: line {number} is no UTF-8 text ({shown!r}). Expected UTF-8, or UTF-16 with its "
                "mark: save the file anew."
            )
        flags.append(flag)
    return flags
