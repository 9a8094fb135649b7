"""Recipes: how each network is trained on each dataset, resolved to plain numbers of steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal, get_args

from tf_lottery.lookup import lookup
from tf_lottery.plain import later

# Keras' policies: what layers compute in. Variables, sums of losses and updates are float32 in each.
Precision = Literal["float32", "mixed_bfloat16", "mixed_float16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
# How the learning rate falls after its warm-up: tf_lottery/rewinding/schedules.py.
LrSchedule = Literal["staircase", "cosine", "linear", "one_cycle"]
LR_SCHEDULES: tuple[LrSchedule, ...] = get_args(LrSchedule)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to train a network, as a person writes it; `resolve` makes it concrete for a number of examples."""

    optimizer: Literal["momentum_sgd", "adam"]
    learning_rate: float  # > 0, the highest: until the first drop, or where the schedule begins to fall
    lr_schedule: LrSchedule = "staircase"
    warmup_epochs: float = 0.0  # in which the rate rises from 0, linearly
    fine_tune_part: float | None = None  # of the learning rate, to fine-tune at: where a schedule ends near 0
    momentum: float = 0.9  # of momentum_sgd
    nesterov: bool = False
    batch_size: int
    epochs: int  # T
    drops: tuple[Fraction, ...] = ()  # tenfold drops of the rate, as parts of T
    total_steps: int | None = None  # only where a source counts other than epochs x examples / batch
    l2: float = 0.0  # coefficient of sum(w^2) / 2 over every trainable variable
    l1: float = 0.0  # coefficient of sum(|w|) over every trainable variable; of momentum_sgd
    dropout: float = 0.0  # share of hidden units dropped in a step, for networks that take it
    source: str


# The paper's kind of schedule: two tenfold drops at 91/182 and 136/182 of the training (paper, Table 1).
_PAPER_DROPS = (Fraction(91, 182), Fraction(136, 182))

_LENET_MNIST: Mapping[str, Any] = {
    "optimizer": "momentum_sgd",
    "learning_rate": 0.1,
    "batch_size": 128,
    "epochs": 20,
    "drops": _PAPER_DROPS,
}

_TUNED: Mapping[str, Recipe] = {
    "paper_cifar10": Recipe(
        optimizer="momentum_sgd",
        learning_rate=0.1,
        batch_size=128,
        epochs=182,
        drops=_PAPER_DROPS,
        total_steps=71_108,
        l2=2e-4,
        source="paper, Table 1; the authors' code, gpu-src/official/resnet/cifar10_main.py (plain momentum)",
    ),
    "lenet_digits": Recipe(
        optimizer="momentum_sgd",
        learning_rate=0.1,
        batch_size=64,
        epochs=30,
        drops=_PAPER_DROPS,
        l2=1e-4,
        source="tuned on the validation part of digits",
    ),
    "lenet_fashion_mnist": Recipe(
        optimizer="momentum_sgd",
        learning_rate=0.05,
        batch_size=128,
        epochs=20,
        drops=_PAPER_DROPS,
        l2=5e-4,
        source="tuned on the validation part of Fashion-MNIST",
    ),
    "lth_lenet_adam": Recipe(
        optimizer="adam",
        learning_rate=1.2e-3,
        batch_size=60,
        epochs=50,
        source="Frankle & Carbin 2019, Figure 2: Adam at 1.2e-3, batches of 60, 50,000 steps on MNIST",
    ),
    "lenet_mnist_l2": Recipe(
        **_LENET_MNIST,
        l2=5e-4,
        source="tuned on the validation part of MNIST; for Han et al. 2015, who give no numbers",
    ),
    "lenet_mnist_l1": Recipe(**_LENET_MNIST, l1=5e-5, source="as lenet_mnist_l2, with L1 in the place of L2"),
    "lenet_mnist_no_decay": Recipe(**_LENET_MNIST, source="as lenet_mnist_l2, without L2"),
    "lenet_mnist_dropout": Recipe(
        **_LENET_MNIST, l2=5e-4, dropout=0.5, source="as lenet_mnist_l2, with the dropout of Han et al. 2015, not tuned"
    ),
    "resnet_small_images": Recipe(
        optimizer="momentum_sgd",
        learning_rate=0.1,
        batch_size=128,
        epochs=30,
        drops=_PAPER_DROPS,
        l2=2e-4,
        source="the paper's CIFAR-10 recipe, shortened; tuned on the validation part of digits",
    ),
}

# The same with a rate that falls otherwise; fine-tuned at a hundredth of the highest rate, the last one of two drops.
_OTHER_SCHEDULES: Mapping[str, tuple[str, LrSchedule]] = {
    "lenet_fashion_mnist_cosine": ("lenet_fashion_mnist", "cosine"),
    "lenet_fashion_mnist_linear": ("lenet_fashion_mnist", "linear"),
    "lenet_fashion_mnist_one_cycle": ("lenet_fashion_mnist", "one_cycle"),
    "resnet_small_images_cosine": ("resnet_small_images", "cosine"),
    "resnet_small_images_linear": ("resnet_small_images", "linear"),
    "resnet_small_images_one_cycle": ("resnet_small_images", "one_cycle"),
}
RECIPES: Mapping[str, Recipe] = {
    **_TUNED,
    **{
        name: replace(
            _TUNED[base], lr_schedule=schedule, fine_tune_part=0.01, source=f"{base} with the schedule {schedule}"
        )
        for name, (base, schedule) in _OTHER_SCHEDULES.items()
    },
}

# (network without its width, or its family's first letters; dataset) -> recipe
_DEFAULTS: Mapping[tuple[str, str], str] = {
    ("lenet", "digits"): "lenet_digits",
    ("lenet", "fashion_mnist"): "lenet_fashion_mnist",
    ("lenet", "mnist"): "lenet_fashion_mnist",
    ("lenet", "cifar10"): "lenet_fashion_mnist",
    ("resnet", "cifar10"): "paper_cifar10",
    ("resnet", "digits"): "resnet_small_images",
    ("resnet", "fashion_mnist"): "resnet_small_images",
    ("resnet", "mnist"): "resnet_small_images",
}


def default_recipe(network: str, dataset: str) -> str:
    """Return the name of the recipe of this network on this dataset.

    Raises:
        ValueError: There is none.
    """
    for (family, data), recipe in _DEFAULTS.items():
        if network.startswith(family) and data == dataset:
            return recipe
    raise ValueError(
        f"no recipe for {network} on {dataset}. Name one with --recipe; known: {', '.join(sorted(RECIPES))}"
    )


def find(name: str) -> Recipe:
    """Return the recipe of this name; ValueError if there is none."""
    return lookup("recipe", RECIPES, name)


@dataclass(frozen=True, kw_only=True)
class Training:
    """A recipe made concrete: all counts in steps, everything that fixes the result and nothing else."""

    recipe: str
    optimizer: Literal["momentum_sgd", "adam"]
    momentum: float
    nesterov: bool
    learning_rate: float
    batch_size: int
    epochs: int  # T
    total_steps: int
    drops: tuple[int, ...]  # last steps of their rate
    l2: float
    examples: int  # in the training split
    precision: Precision = "float32"
    lr_schedule: LrSchedule = later("staircase")
    warmup_steps: int = later(0)
    fine_tune_rate: float | None = later(None)  # in place of the last rate
    l1: float = later(0.0)
    dropout: float = later(0.0)

    def steps_in(self, epochs: float) -> int:
        """Return the steps of this many epochs at the end of training: all of them for T.

        The authors' rewind points (facts of their data): total - ceil(examples / batch x t), and step 0 for t = T.
        """
        if epochs == self.epochs:
            return self.total_steps
        return math.ceil(Fraction(self.examples, self.batch_size) * Fraction(repr(epochs)))

    def ends_of_epochs(self, steps: int) -> tuple[int, ...]:
        """Return the step at which each epoch of a stage of this many steps ends, ascending, from 0 to `steps`.

        Counted from the end, so that "T - t epochs" is a boundary for every whole t; the first epoch takes what is
        left over, up to a tenth of one more.
        """
        epochs = max(1, math.ceil(steps * self.batch_size / self.examples - 0.1))
        ends = {steps - self.steps_in(epochs - epoch) for epoch in range(1, epochs)}
        return tuple(sorted({0, *ends, steps}))

    @property
    def compiled_part(self) -> Training:
        """What the compiled steps depend on, the rest blanked: how long and at which rates is put in as values."""
        blank = replace(self, recipe="", learning_rate=1.0, epochs=1, total_steps=1, drops=())
        return replace(blank, lr_schedule="staircase", warmup_steps=0, fine_tune_rate=None)

    @property
    def longest_epoch(self) -> int:
        """The most steps that an epoch of any stage has."""
        return math.ceil(1.1 * self.examples / self.batch_size) + 1


def resolve(
    name: str,
    *,
    examples: int,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    precision: Precision = "float32",
    lr_schedule: LrSchedule | None = None,
    warmup_epochs: float | None = None,
    fine_tune_rate: float | None = None,
) -> Training:
    """Return the recipe of this name, with what the user changed, in steps.

    Drops are at int(steps per epoch x epoch of the drop), as in the authors' code: 35,546 and 53,125 on CIFAR-10. The
    warm-up has int(steps per epoch x its epochs) steps, and moves no drop.

    Raises:
        ValueError: Unknown name, or a value out of range.
    """
    recipe = find(name)
    epochs_, batch = epochs or recipe.epochs, batch_size or recipe.batch_size
    for what, value, limit in (("epochs", epochs_, 1_000_000), ("batch_size", batch, examples)):
        if not 1 <= value <= limit:
            raise ValueError(f"--{what}={value}: expected 1 to {limit}.")
    unchanged = epochs_ == recipe.epochs and batch == recipe.batch_size
    exact = Fraction(examples, batch) * epochs_
    falls = lr_schedule or recipe.lr_schedule
    warmup = recipe.warmup_epochs if warmup_epochs is None else warmup_epochs
    if not 0 <= warmup < epochs_:
        raise ValueError(f"--warmup_epochs={warmup:g}: expected 0 or more, and below T = {epochs_}.")
    if warmup and falls == "one_cycle":
        raise ValueError(
            f"--warmup_epochs={warmup:g} with --lr_schedule=one_cycle: one cycle begins with a warm-up of its own, a "
            "tenth of the training. Leave out --warmup_epochs."
        )
    rate = learning_rate or recipe.learning_rate
    if fine_tune_rate is None and falls != "staircase" and recipe.fine_tune_part:
        fine_tune_rate = float(f"{recipe.fine_tune_part * rate:.6g}")
    return Training(
        recipe=name,
        optimizer=recipe.optimizer,
        momentum=recipe.momentum if recipe.optimizer == "momentum_sgd" else 0.0,
        nesterov=recipe.nesterov,
        learning_rate=rate,
        batch_size=batch,
        epochs=epochs_,
        total_steps=recipe.total_steps if recipe.total_steps and unchanged else math.ceil(exact),
        drops=tuple(int(exact * part) for part in recipe.drops) if falls == "staircase" else (),
        l2=recipe.l2,
        examples=examples,
        precision=precision,
        lr_schedule=falls,
        warmup_steps=int(Fraction(examples, batch) * Fraction(repr(float(warmup)))),
        fine_tune_rate=fine_tune_rate,
        l1=recipe.l1,
        dropout=recipe.dropout,
    )
