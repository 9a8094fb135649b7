"""The run store: one folder per stage, there as a whole or not at all.

<root>/format.json                        the version of this layout
<root>/stages/<name>/                     a stage that is done: result.json, spec.json, start.json, metrics.csv,
                                          start_accuracy.json, where there are any sensitivity.csv and layers.csv,
                                          final.safetensors, points/step_*.safetensors, TensorBoard events
<root>/stages/<name>.partial/             a stage under way: resume.safetensors, points, events
<root>/locks/<name>.lock                  held by the process that works on the stage; dies with it
<root>/locks/<name>.json                  which process that is, where and since when
<root>/locks/tensorboard.lock             held by the process that writes <root>/tensorboard/, the summary of all stages

A copy of a store may be cut, or hold folders twice under other names: what is no stage, whole and in its place, is left
out of the table, and set aside where a stage is to be.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from absl import logging

from tf_lottery.experiments.litter import beside, sweep, sweep_flat
from tf_lottery.experiments.locks import Holder, Locks
from tf_lottery.experiments.stored_result import fault

STORE_FORMAT = 1
_POINT = re.compile(r"step_(\d+)\.safetensors")


class StoreError(Exception):
    """A store that cannot be used, with what to do."""


class _NoResultError(Exception):
    """A result.json that is damaged, or of something else; the beginning of a sentence."""


class ParentLostError(Exception):
    """A stage's parent turned out to be damaged and was set aside: it is to be done again first."""

    def __init__(self, name: str) -> None:
        super().__init__(f"stage {name} was damaged and is done again")
        self.name = name


class Store:
    """Where stages keep what they made."""

    def __init__(self, root: Path) -> None:
        """Open or make the store in this folder.

        Raises:
            StoreError: It cannot be read or written, or a newer version of the software made it.
        """
        self.root = root
        self._locks = Locks(root / "locks")
        self._left_out = set[str]()  # of the table, and told
        try:
            self.stages.mkdir(parents=True, exist_ok=True)
            self._locks.folder.mkdir(exist_ok=True)
            self._check_format()
        except OSError as error:
            raise StoreError(explain(error, root)) from error

    @property
    def stages(self) -> Path:
        """The folder of all stages, for TensorBoard."""
        return self.root / "stages"

    def log_folder(self, dataset: str, network: str) -> Path:
        """Return the folder to start TensorBoard on: runs are called trial_1/dense-... there."""
        return self.stages / dataset / network

    def folder(self, name: str) -> Path:
        """Return the folder of a stage that is done."""
        return self.stages / name

    def partial(self, name: str) -> Path:
        """Return the folder of a stage under way."""
        return self.stages / f"{name}.partial"

    def final(self, name: str) -> Path:
        """Return the checkpoint of a stage's last step."""
        return self.folder(name) / "final.safetensors"

    def is_done(self, name: str) -> bool:
        """Say whether the stage ended, well or with a failure."""
        return self.result(name) is not None

    def result(self, name: str) -> dict[str, Any] | None:
        """Return what the stage found, None if it is not done; a damaged or foreign one is set aside, and told."""
        try:
            return self._read(name)
        except _NoResultError:
            with self.claim(name) as mine:
                if mine:
                    self._set_aside_unless_done(name)
            return None

    def results(self, known: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the results of all stages that are done, of whichever plan; those `known` are not read again."""
        # Damaged stages that were set aside begin with a dot.
        pattern = f"{glob.escape(str(self.stages))}/*/*/*/[!.]*"
        names = (path[len(str(self.stages)) + 1 :] for path in glob.iglob(pattern))  # noqa: PTH207 - as in `_read`
        whole = (name for name in names if not name.endswith(".partial"))
        found, wrong = [], {}
        for name in whole:
            try:
                found.append(known.get(name) or self._read(name))
            except _NoResultError as error:
                wrong[name] = str(error)
        if untold := sorted(wrong.keys() - self._left_out):
            others = f", and so are {len(untold) - 1} more" if len(untold) > 1 else ""
            logging.warning("%s. It is left out of the table%s.", wrong[untold[0]], others)
        self._left_out |= wrong.keys()
        return [result for result in found if result is not None]

    def make_room(self, name: str) -> None:
        """Set aside what stands where this stage is to be, such as a copy that was cut. Its lock is held."""
        self._set_aside_unless_done(name)
        sweep(self.partial(name), seconds=0)

    def sweep(self) -> None:
        """Remove the temporary files that dead processes left beside the stages."""
        sweep_flat(self.root, ["results.csv", "format.json"])
        sweep_flat(self.root / "figures", ["*.png", "*.svg", "*.csv"])

    def sweep_stages(self) -> None:
        """Remove those among the stages, and the beginnings of stages that are done: half a second for 10,000."""
        sweep(self.stages)
        for partial in self.stages.glob("*/*/*/*.partial"):
            name = str(partial.relative_to(self.stages)).removesuffix(".partial")
            if self.is_done(name):
                with self.claim(name) as mine:
                    if mine and self.is_done(name):
                        shutil.rmtree(partial, ignore_errors=True)

    def set_aside(self, name: str, why: str) -> None:
        """Rename a damaged stage's folder, so that it is done again."""
        _set_aside(self.folder(name), why)

    def set_foreign_beginning_aside(self, name: str, digest: str) -> None:
        """Rename the folder of a stage under way if it says that it is of another spec than this digest's."""
        folder = self.partial(name)
        try:
            told = json.loads((folder / "spec.json").read_text())["digest"]
        except (OSError, ValueError, TypeError, KeyError):
            return  # it does not say; its checkpoint knows whether it is whole
        if told != digest:
            _set_aside(folder, f"{folder} is the beginning of another stage")

    def set_point_aside(self, path: Path, why: str) -> None:
        """Remove a damaged rewind point, so that it is made again from an earlier one."""
        logging.warning("%s. It is made again from the nearest earlier one.", why.rstrip("."))
        path.unlink(missing_ok=True)

    def commit(self, name: str, result: Mapping[str, Any]) -> None:
        """Make the partial stage a whole one, with this result."""
        if wrong := fault(result, name):
            raise ValueError(f"the result of {name} {wrong}. This is a fault of the software: please report it.")
        partial = self.partial(name)
        write_text(partial / "result.json", json.dumps(result, indent=1, sort_keys=True, allow_nan=False) + "\n")
        (partial / "resume.safetensors").unlink(missing_ok=True)
        self._set_aside_unless_done(name)
        partial.rename(self.folder(name))

    def forget(self, name: str) -> None:
        """Remove a stage that failed, so that it is tried again."""
        shutil.rmtree(self.folder(name), ignore_errors=True)
        shutil.rmtree(self.partial(name), ignore_errors=True)

    def points(self, name: str) -> dict[int, Path]:
        """Return the kept rewind points of a stage by step, ascending; of a partial stage too."""
        for folder in (self.folder(name), self.partial(name)):
            if folder.is_dir():
                named = ((_POINT.fullmatch(path.name), path) for path in (folder / "points").glob("step_*"))
                return dict(sorted((int(match[1]), path) for match, path in named if match))
        return {}

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Hold the stage's lock and yield True; yield False if another process holds it. It dies with its process."""
        claim = self._locks.claim(name)
        try:
            mine = claim.__enter__()
        except OSError as error:
            raise StoreError(explain(error, self._locks.path(name))) from error
        with ExitStack() as held:
            held.push(claim)
            yield mine

    def holder(self, name: str) -> Holder | None:
        """Return which process works on the stage, None if none does."""
        return self._locks.holder(name)

    def _read(self, name: str) -> dict[str, Any] | None:
        """Return the stage's result, None if it has none.

        Raises:
            _NoResultError: What is there is not the result of this stage.
        """
        path = f"{self.stages}/{name}/result.json"  # a Path takes longer to make than the file to read
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123
                found = json.load(file)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, RecursionError, IsADirectoryError) as error:
            raise _NoResultError(f"{path} is damaged") from error
        except OSError as error:
            raise StoreError(explain(error, Path(path))) from error
        if wrong := fault(found, name):
            raise _NoResultError(f"{path} {wrong}")
        return dict(found)

    def _set_aside_unless_done(self, name: str) -> None:
        folder = self.folder(name)
        try:
            if os.path.lexists(folder) and self._read(name) is None:
                self.set_aside(name, f"{folder} has no result.json: it is no whole stage")
        except _NoResultError as error:
            self.set_aside(name, str(error))

    def _check_format(self) -> None:
        path = self.root / "format.json"
        if not path.exists():
            write_text(path, json.dumps({"store_format": STORE_FORMAT}) + "\n")
        try:
            found = json.loads(path.read_text())["store_format"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{path} is damaged: expected {{'store_format': {STORE_FORMAT}}}. If the folder is a run store, "
                "remove that file and run again; else choose another --output_dir."
            ) from error
        if found != STORE_FORMAT:
            raise StoreError(
                f"{self.root} is a run store of format {found}; this version of tf_lottery reads format "
                f"{STORE_FORMAT}. Update tf_lottery, or choose another --output_dir."
            )


def point_path(folder: Path, step: int) -> Path:
    """Return where a stage keeps the whole training state after this many steps."""
    return folder / "points" / f"step_{step:08d}.safetensors"


def _set_aside(folder: Path, why: str) -> None:
    numbers = range(1, 1_000_000)
    aside = next(
        path for number in numbers if not (path := folder.with_name(f".{folder.name}.damaged_{number}")).exists()
    )
    logging.warning("%s. Set aside as %s; the stage is done again.", why.rstrip("."), aside)
    with suppress(FileNotFoundError):
        folder.rename(aside)


def write_text(path: Path, text: str) -> None:
    """Write `path` whole or not at all."""
    temporary = beside(path)
    try:
        temporary.write_text(text)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def explain(error: OSError, path: Path) -> str:
    """Return one message for a file system error: what, where, and what to do."""
    where = error.filename or path
    what_to_do = {
        errno.ENOSPC: "The disk is full: free some space",
        errno.EDQUOT: "The disk quota is used up: free some space",
        errno.EFBIG: "A file size limit was reached (ulimit -f): raise it",
        errno.EACCES: "No permission: change the folder's owner or mode",
        errno.EROFS: "The file system is read-only: choose another --output_dir",
        errno.ENOTDIR: "A file is where a folder should be: move it away or choose another --output_dir",
        errno.EEXIST: "A file is where a folder should be: move it away or choose another --output_dir",
        errno.EISDIR: "A folder is where a file should be: move it away or choose another --output_dir",
    }.get(error.errno or 0, "Mend that, or choose another --output_dir")
    return f"cannot use {where}: {error.strerror or error}. {what_to_do}, and run the same command again."
