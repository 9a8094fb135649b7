"""What our commands are called for whoever reads a message: a cure must be a command that they have."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

_CLONE = Path(__file__).resolve().parents[1]  # or site-packages


def experiment() -> str:
    """Return how an experiment is started, ready for a shell: the clone's script, or the installed command."""
    if script := _installed():
        return _as_typed(script.with_name("tf_lottery" + script.suffix))
    if _in_a_clone():
        script = _CLONE / "run_experiment.py"
        return f"python {script.name if Path.cwd() == _CLONE else shlex.quote(str(script))}"
    return "python -m tf_lottery"


def figures() -> str:
    """Return how figures are drawn, ready for a shell."""
    if script := _installed():
        return _as_typed(script.with_name("tf_lottery_figures" + script.suffix))
    return "python -m " + ("paper_figures" if _in_a_clone() and Path.cwd() == _CLONE else "tf_lottery.paper_figures")


def program() -> str:
    """Return the name that opens the experiment's messages."""
    return "run_experiment" if not _installed() and _in_a_clone() else "tf_lottery"


def _installed() -> Path | None:
    """Return the installed script that this process was started by."""
    started = Path(sys.argv[0])
    return started if started.stem in ("tf_lottery", "tf_lottery_figures") else None


def _in_a_clone() -> bool:
    return (_CLONE / "run_experiment.py").is_file()


def _as_typed(script: Path) -> str:
    found = shutil.which(script.stem)
    return script.stem if found and Path(found).resolve() == script.resolve() else shlex.quote(str(script))
