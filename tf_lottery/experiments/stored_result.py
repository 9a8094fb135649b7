"""Whether what a result.json holds is the result of its stage."""

from __future__ import annotations

from typing import Any

_TEXTS = ("network", "dataset", "technique", "heuristic", "schedule", "recipe", "training")
_NUMBERS = ("density", "retrain_epochs", "trial", "search_cost", "epochs", "seed")
_MEASURED = (
    *("test_accuracy", "validation_accuracy", "test_loss", "validation_loss", "flops", "dense_flops"),
    *("kept_weights", "prunable_weights", "wall_seconds"),
)


def fault(found: Any, name: str) -> str:
    """Return what is wrong with what was read as the result of the stage of this name, "" if nothing is."""
    if not isinstance(found, dict):
        return f"holds {type(found).__name__} where a result is expected"
    if found.get("stage") != name:
        return f"is of another stage, {found.get('stage')}"
    if (status := found.get("status")) not in ("done", "failed"):
        return f"has the status {status!r}, not done or failed"
    kinds: dict[str, Any] = dict.fromkeys(_TEXTS, str) | dict.fromkeys(_NUMBERS, (int, float))
    kinds |= {"message": str} if status == "failed" else dict.fromkeys(_MEASURED, (int, float))
    wrong = [key for key, kind in kinds.items() if not isinstance(found.get(key), kind)]
    return f"lacks {', '.join(wrong)}, or has something else there" if wrong else ""
