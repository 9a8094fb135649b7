"""Names of variables in a kept state, which another copy of the model has too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable


def unnumbered(names: Iterable[str]) -> list[str]:
    """Return names without the numbers that Keras gives layers, equal ones counted in the order of the model.

    Keras numbers layers as they are made in a process (dense, dense_1, ...): dense_4/kernel:0 and dense_5/kernel:0 are
    dense/kernel and dense/kernel#2.
    """
    seen: Counter[str] = Counter()
    found = []
    for full in names:
        name = "/".join(re.sub(r"_\d+$", "", part) for part in full.removesuffix(":0").split("/"))
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found
