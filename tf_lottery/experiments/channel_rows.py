"""What a stage that removes whole channels scored, one row a channel."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tf_lottery.pruning.by_group import ScoredGroup
from tf_lottery.pruning.channels.cuts import alive
from tf_lottery.pruning.masks import Mask

CHANNELS = ("group", "channel", "score", "kept")  # columns


def channel_rows(groups: Sequence[ScoredGroup], masks: Mapping[str, Mask]) -> list[dict[str, Any]]:
    """Return a row for each channel: what makes it, its score as it was compared ("" if it was gone), whether it stays.

    Args:
        groups: Of the report of a pruning.
        masks: As that left them.
    """
    rows = []
    for each in groups:
        kept = alive(each.group, masks)
        for channel, score in enumerate(each.scores.tolist()):
            shown = score if math.isfinite(score) else ""
            rows.append({"group": each.name, "channel": channel, "score": shown, "kept": int(kept[channel])})
    return rows
