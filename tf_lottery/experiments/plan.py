"""The stages that a set of specs needs: each once, parents first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tf_lottery.experiments.spec import RetrainSpec, Spec
from tf_lottery.rewinding.techniques import TECHNIQUES


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One unit of work."""

    spec: Spec
    # Steps of a training whose whole state is to be kept for the stages that rewind weights to it.
    rewind_points: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The spec's name."""
        return self.spec.name

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the stages that must be done before."""
        if not isinstance(self.spec, RetrainSpec):
            return ()
        return tuple({self.spec.parent.name: None, self.spec.dense.name: None})


def rewind_step(spec: RetrainSpec) -> int | None:
    """Return the step of the dense training that this stage takes its weights from; None if from its end."""
    if TECHNIQUES[spec.technique].weights != "rewound":
        return None
    training = spec.dense.training
    return training.total_steps - training.steps_in(spec.retrain_epochs)


def prune_step(spec: RetrainSpec) -> int | None:
    """Return the step of the dense training whose weights this stage prunes; None if its parent's last ones."""
    return 0 if spec.schedule == "at_initialization" else None


def plan(specs: Iterable[Spec]) -> list[Stage]:
    """Return every stage that these specs need, each once, in an order in which parents come first."""
    specs_by_name: dict[str, Spec] = {}
    points: dict[str, set[int]] = {}
    for spec in specs:
        lineage = [spec]
        while isinstance(lineage[-1], RetrainSpec) and lineage[-1].name not in specs_by_name:
            lineage.append(lineage[-1].parent)
        for ancestor in reversed(lineage):
            specs_by_name.setdefault(ancestor.name, ancestor)
            if isinstance(ancestor, RetrainSpec):
                steps = (rewind_step(ancestor), prune_step(ancestor))
                points.setdefault(ancestor.dense.name, set()).update(step for step in steps if step is not None)
    return [Stage(spec=spec, rewind_points=tuple(sorted(points.get(name, ())))) for name, spec in specs_by_name.items()]
