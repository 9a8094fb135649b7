"""Flagfiles that are found from any folder, and may include one another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tf_lottery.lookup import nearest


class FlagfileError(Exception):
    """A flagfile that cannot be read."""


def expand(argv: Sequence[str], *, fallback: Path) -> list[str]:
    """Return the arguments with the lines of each --flagfile in its place.

    A path is tried from the working directory, then from the including file's folder, then from `fallback`, where the
    files of its flags/ go by their names alone. The ending .flags may be left out. In a file, empty lines and those
    that begin with # are left out. (absl's own --flagfile takes the working directory only, also inside of files.)

    Raises:
        FlagfileError: No such file, or files that include one another in a circle.
    """
    return [argv[0], *_expand(argv[1:], (Path.cwd(), fallback), ())]


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
                raise FlagfileError(f"{file} includes itself. Remove one of the --flagfile lines.")
            lines = [line.strip() for line in file.read_text().splitlines()]
            flags = [line for line in lines if line and not line.startswith("#")]
            yield from _expand(flags, (folders[0], file.parent, folders[-1]), (*within, file))


def _find(path: str, folders: tuple[Path, ...]) -> Path:
    shipped = folders[-1] / "flags"
    for folder in (*folders, shipped):
        for name in (path, f"{path}.flags"):
            if path and (file := folder / Path(name).expanduser()).is_file():
                return file.resolve()
    files = sorted(shipped.glob("*.flags"))
    known = [f"flags/{file.name}" for file in files]
    near = nearest(path, known) or nearest(path, [name for file in files for name in (file.stem, file.name)])
    raise FlagfileError(
        f"no flagfile {path!r} in {', '.join(dict.fromkeys(map(str, folders)))}.{near} Known: {', '.join(known)}."
    )
