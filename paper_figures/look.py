"""What things look like, in every figure of the project: colours, markers, names, sizes of type."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from matplotlib.colors import to_hex, to_rgb

# Hues and markers are the paper's (the authors' code, vision/plot/common.py), darkened to 3:1 contrast on white.
LOOK: Mapping[str, tuple[str, str]] = {  # technique: colour, marker
    "fine_tune": ("#00805C", "D"),
    "weight_rewind": ("#3A9AD9", "*"),
    "lr_rewind": ("#D97700", "o"),
    "low_lr_weight_rewind": ("#B5559B", "h"),
    "reinit": ("#1B3A6B", "X"),
    "tenth_rate_fine_tune": ("#00838F", "d"),
    # The restarts, which are not in the paper.
    "scaled_lr_restart": ("#4D4D4D", "<"),
    "cyclic_lr_restart": ("#7B52C7", "v"),
    "one_cycle_restart": ("#A0762A", "P"),
    "linear_lr_restart": ("#D6336C", "^"),
    "adaptive_linear_lr_restart": ("#6B8E00", "p"),
    # Of the lottery ticket papers.
    "random_reinit": ("#8C2D04", "s"),
    "weight_rewind_whole_schedule": ("#4361A8", ">"),
}
# Dashes as in the paper's plots, so that lines are told apart in grey and where markers are small.
_LINES: Mapping[str, Any] = {
    "fine_tune": (0, (5, 2)),
    "weight_rewind": (0, (1.5, 1.5)),
    "lr_rewind": "-",
    "low_lr_weight_rewind": (0, (6, 2, 1, 2)),
    "reinit": (0, (3, 1, 1, 1, 1, 1)),
    "tenth_rate_fine_tune": (0, (5, 1, 1, 1, 1, 1)),
    "scaled_lr_restart": (0, (7, 1.5)),
    "cyclic_lr_restart": (0, (3, 1.2)),
    "one_cycle_restart": (0, (4, 1.2, 1, 1.2)),
    "linear_lr_restart": (0, (8, 1.5, 1.5, 1.5)),
    "adaptive_linear_lr_restart": (0, (1, 1)),
}
NAMES: Mapping[str, str] = {
    "fine_tune": "fine-tuning",
    "weight_rewind": "weight rewinding",
    "lr_rewind": "learning rate rewinding",
    "low_lr_weight_rewind": "low-rate weight rewinding",
    "reinit": "reinitialisation",
    "tenth_rate_fine_tune": "tenth-rate fine-tuning",
    "scaled_lr_restart": "scaled restart",
    "cyclic_lr_restart": "cyclic restart",
    "one_cycle_restart": "one-cycle restart",
    "linear_lr_restart": "linear restart",
    "adaptive_linear_lr_restart": "adaptive linear restart",
    "random_reinit": "random reinitialisation",
    "weight_rewind_whole_schedule": "whole-schedule rewinding",
}
NO_TECHNIQUE = "not_retrained"  # stands in the place of a technique for what is pruned and not retrained
_MARKER_SIZES = {"*": 8.5, "h": 5.5, "D": 4.3, "X": 5.5, "P": 5.5, "p": 5.5}  # points; of equal weight for the eye
_DATASETS = {
    "cifar10": "CIFAR-10",
    "cifar10_45000": "CIFAR-10, 45,000 images",
    "cifar10_45000_plain": "CIFAR-10, 45,000 images, not augmented",
    "imagenet": "ImageNet",
    "wmt16": "WMT16 EN-DE",
    "fashion_mnist": "Fashion-MNIST",
    "mnist": "MNIST",
    "mnist_55000": "MNIST, 55,000 images",
    "digits": "digits",
}
_HEURISTICS = {
    "global_magnitude": "unstructured",
    "layer_magnitude": "unstructured by layer",
    "global_quality": "unstructured by layers' deviation",
    "sensitivity": "unstructured by layers' sensitivity",
    "structured_a": "structured A",
    "structured_b": "structured B",
    "layer_random": "random by layer",
    "erk_magnitude": "unstructured, ERK",
    "half_output_magnitude": "unstructured by layer, output at half the rate",
    "conv_10_magnitude": "unstructured by layer, convolutions and output at half the rate",
    "conv_15_magnitude": "unstructured by layer, convolutions at 3/4, output at half the rate",
    "output_kept_magnitude": "unstructured, output layer kept",
    "normalised_magnitude": "unstructured, over the layer's norm",
    "lamp": "LAMP",
    "saliency": "saliency",
    "snip": "SNIP",
    "taylor": "Taylor",
    "taylor_second_order": "Taylor, second order",
    "fisher": "diagonal Fisher",
    "obd": "optimal brain damage",
    "grasp": "GraSP",
    "synflow": "SynFlow",
    "group_magnitude": "channels by magnitude",
    "group_l2": "channels by l2 norm",
    "geometric_median": "channels by geometric median",
    "slimming": "channels by batch norm's scale",
    "group_random": "channels at random by layer",
    "map_random": "channels at random",
    "map_weight": "channels by mean square of weights",
    "map_mean": "channels by mean activation",
    "map_std": "channels by deviation of activation",
    "apoz": "channels by APoZ",
    "map_taylor": "channels by Taylor",
    "map_taylor_flops": "channels by Taylor less FLOPs",
    "map_taylor_flops_small": "channels by Taylor less FLOPs",
    "map_oracle": "channels by the absolute oracle",
    "map_oracle_signed": "channels by the signed oracle",
}
_SCHEDULES = {"one_shot": "one-shot", "iterative": "iterative", "at_initialization": "at initialisation"}

_TEXT_CONTRAST = 4.55  # what rounding to 8 bits leaves is above 4.5
INK, SOFT, FAINT, ZONE = "#222222", "#5A5A5A", "#DDDDDD", "#EFEFEF"

# For Matplotlib's rc_context, around drawing and saving. PDFs carry their fonts as TrueType, for publishers refuse
# Type 3. SVGs carry words, to be searched and selected: where there is no DejaVu Sans, in Verdana, which is as wide.
STYLE: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.titley": 1.0,  # fixed: placing titles by what is drawn takes an eighth of the time
    "axes.grid.axis": "y",
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.3,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


def look(technique: str) -> tuple[str, str]:
    """Return colour and marker; a new technique need not have a look yet."""
    return LOOK.get(technique, ("#666666", "s"))


def text_colour(technique: str) -> str:
    """Return a technique's colour for words: darkened until its contrast on white is 4.5 (WCAG 2.2, 1.4.3)."""
    red, green, blue = to_rgb(look(technique)[0])
    while contrast((red, green, blue), (1.0, 1.0, 1.0)) < _TEXT_CONTRAST:
        red, green, blue = 0.97 * red, 0.97 * green, 0.97 * blue
    return to_hex((red, green, blue))


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Return the contrast ratio of two colours, red, green and blue from 0 to 1, as WCAG 2.2 defines it: 1 to 21."""
    darker, lighter = sorted(_luminance(colour) for colour in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: tuple[float, float, float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def line_look(technique: str, *, hollow: bool) -> dict[str, Any]:
    """Return Matplotlib's settings for a technique's line; published points are hollow, ours are filled."""
    colour, marker = look(technique)
    return {
        "color": colour,
        "marker": marker,
        "markersize": _MARKER_SIZES.get(marker, 4.8),
        "markerfacecolor": "white" if hollow else colour,
        "markeredgecolor": colour,
        "markeredgewidth": 0.9,
        "linestyle": _LINES.get(technique, "-"),
    }


def name(technique: str) -> str:
    """Return the technique, or what stands in its place where there is none, as people write it."""
    return NAMES.get(technique) or {NO_TECHNIQUE: "before retraining"}.get(technique, technique)


def network_name(network: str) -> str:
    """Return the network as people write it: resnet20_x0.5 is ResNet-20 x0.5."""
    base, _, width = network.partition("_x")
    shown = {
        "lenet_300_100": "LeNet-300-100",
        "gnmt": "GNMT",
        "vgg16_nofc": "VGG-16",
        "lth_resnet18": "ResNet-18 (LTH)",
    }.get(base, base)
    shown = re.sub(r"^lenet_(\d+)$", r"LeNet-\1", shown)
    shown = re.sub(r"^resnet(\d+)$", r"ResNet-\1", shown)
    shown = re.sub(r"^vgg(\d+)$", r"VGG-\1", shown)
    shown = re.sub(r"^conv(\d+)$", r"Conv-\1", shown)
    return f"{shown} x{width}" if width else shown


def dataset_name(dataset: str) -> str:
    """Return the dataset as people write it."""
    return _DATASETS.get(dataset, dataset)


def schedule_name(schedule: str) -> str:
    """Return the schedule as people write it."""
    return _SCHEDULES.get(schedule, schedule)


def pruning_name(schedule: str, heuristic: str) -> str:
    """Return how was pruned, as people write it."""
    return f"{schedule_name(schedule)}, {_HEURISTICS.get(heuristic, heuristic.replace('_', ' '))}"
