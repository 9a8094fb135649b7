"""What the command prints: the table, where things are, what would run, and every name there is."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tf_lottery.command.flags import HOME
from tf_lottery.datasets.known import DATASETS
from tf_lottery.experiments.controls import CONTROLS
from tf_lottery.experiments.cost import epochs_of, estimated_seconds
from tf_lottery.experiments.environments import check_one_data, differences
from tf_lottery.experiments.executors.registry import EXECUTORS
from tf_lottery.experiments.plan import Stage
from tf_lottery.experiments.progress import duration
from tf_lottery.experiments.pruning_schedules import SCHEDULES
from tf_lottery.experiments.store import Store, write_text
from tf_lottery.networks import registry as networks
from tf_lottery.networks.recipes import RECIPES
from tf_lottery.pruning.channel_criteria import CHANNEL_CRITERIA
from tf_lottery.pruning.criteria import CRITERIA
from tf_lottery.pruning.heuristics import HEURISTICS
from tf_lottery.rewinding.techniques import TECHNIQUES


def report(stages: Sequence[Stage], results: dict[str, dict[str, Any]], store: Store, root: Path) -> int:
    """Print the table and where everything is, write it for figures and TensorBoard too; return the exit status."""
    from tf_lottery import results as tables  # imports pandas: half a second
    from tf_lottery import ticket_table

    everything = store.results(results)
    check_one_data(everything)
    ours = tables.table(results[stage.name] for stage in stages)
    if len(ours):
        print(tables.summary(ours).to_string(index=False), flush=True)
    every = tables.table(everything)
    _tell_tickets(ours, every, root)
    write_text(root / "results.csv", tables.to_csv(every))
    # This imports Matplotlib: another half, after the table stands there.
    from tf_lottery.command.figures import save_figures
    from tf_lottery.command.tensorboard_commands import show_in_tensorboard

    drawn = ours[(ours.schedule != "control") & ~ticket_table.sees_another_order(ours)]
    figures = save_figures(drawn, root / "figures", among=every) if (drawn.technique != "dense").any() else []
    print(f"\nresults      {root / 'results.csv'}")
    for figure in figures:
        print(f"figure       {figure} (and .svg, .csv)")
    logs = store.log_folder(stages[0].spec.dense.dataset, stages[0].spec.dense.network)
    print("\n".join(show_in_tensorboard(store, everything, figures, logs)))
    if differ := differences(result.get("environment_record", {}) for result in results.values()):
        print(
            "\nThe rows were made in several environments (column environment; each stage's result.json says which): "
            f"their last digits may differ by it. {differ}.",
            file=sys.stderr,
        )
    failed = {name: result for name, result in results.items() if result["status"] == "failed"}
    not_run = sum(result["status"] == "not_run" for result in results.values())
    if not failed:
        return 0
    print(f"\n{len(failed)} stages failed, and {not_run} that build on them were not run:", file=sys.stderr)
    for name, result in failed.items():
        print(f"  {name}: {result['message']}", file=sys.stderr)
    print("Run again with --retry_failed to try them once more.", file=sys.stderr)
    return 1


def _tell_tickets(ours: Any, every: Any, root: Path) -> None:
    """Print which networks of this command are winning tickets, and write it of all, where they were evaluated."""
    from tf_lottery import results as tables
    from tf_lottery import ticket_claims, ticket_table

    found = ticket_table.verdicts(ours)
    if len(found):
        print(f"\n{ticket_table.as_text(found)}\n\n{ticket_claims.as_text(ticket_claims.claims(found))}", flush=True)
        whole = ticket_table.verdicts(every)
        write_text(root / "tickets.csv", tables.to_csv(whole))
        write_text(root / "ticket_claims.csv", tables.to_csv(ticket_claims.claims(whole)))


def dry_run(stages: Sequence[Stage], store: Store | None) -> str:
    """Return a line for each stage, and what those that are not done cost."""
    results = results_of(stages, store) if store else {}
    lines = []
    for stage in stages:
        state = results[stage.name]["status"] if stage.name in results else "to do"
        if state == "to do" and store and store.partial(stage.name).is_dir():
            state = "begun"
        lines.append(f"{state:6}  {stage.spec.epochs:>5g} epochs  {stage.name}")
    todo = [stage for stage in stages if stage.name not in results]
    estimate = duration(estimated_seconds(todo, results))
    lines.append(
        f"{len(stages)} stages, {len(stages) - len(todo)} done; {epochs_of(todo):g} epochs to train, about {estimate} "
        "in one process"
    )
    return "\n".join(lines)


def listing() -> str:
    """Return every name that flags take."""
    sections: dict[str, dict[str, str]] = {
        "strategies": {name: technique.meaning for name, technique in TECHNIQUES.items()},
        "heuristics": {name: heuristic.meaning for name, heuristic in HEURISTICS.items()},
        "criteria": {name: f"{criterion.meaning} ({criterion.source})" for name, criterion in CRITERIA.items()},
        "criteria of channels": {
            name: f"{criterion.meaning} ({criterion.source})" for name, criterion in CHANNEL_CRITERIA.items()
        },
        "controls": {name: control.meaning for name, control in CONTROLS.items()},
        "schedules": SCHEDULES,
        "networks": dict.fromkeys(networks.NETWORKS, ""),
        "datasets": {
            name: f"{data.train_examples:,} images of {'x'.join(map(str, data.shape))}, {data.classes} classes"
            + (f"; {data.drawn_validation:,} more of its training part validate" if data.drawn_validation else "")
            for name, data in DATASETS.items()
        },
        "recipes": {
            name: f"{recipe.epochs} epochs, batches of {recipe.batch_size}, {recipe.optimizer} "
            f"{recipe.learning_rate:g}; {recipe.source}"
            for name, recipe in RECIPES.items()
        },
        "executors": dict.fromkeys(EXECUTORS, ""),
        "flagfiles": {file.stem: _about(file) for file in sorted((HOME / "flags").glob("*.flags"))},
    }
    lines = []
    for section, rows in sections.items():
        lines.append(section)
        width = max(21, *map(len, rows))
        lines += [f"  {name:{width}} {meaning}".rstrip() for name, meaning in rows.items()]
    return "\n".join(lines)


def _about(flagfile: Path) -> str:
    """Return the first line of a flagfile, which says what it is."""
    return flagfile.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def results_of(stages: Sequence[Stage], store: Store) -> dict[str, dict[str, Any]]:
    """Return the results of those stages that are done, by name."""
    found = {stage.name: store.result(stage.name) for stage in stages}
    return {name: result for name, result in found.items() if result is not None}
