"""What a run draws at its end, from where the figures are: inside an installed tf_lottery, beside it in a clone."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

_beside = find_spec("paper_figures")
_clone = Path(__file__).resolve().parents[2]

# Only the clone's own: another paper_figures on the path may be anything, and an editable install of another clone
# would mix two.
if TYPE_CHECKING or (_beside and _beside.origin and Path(_beside.origin).resolve().parents[1] == _clone):
    from paper_figures.save import save_figures
else:
    from tf_lottery.paper_figures.save import save_figures

__all__ = ["save_figures"]
