"""One network on one dataset, compiled once; every stage of the process trains on it by putting values in."""

from __future__ import annotations

import itertools
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf_lottery.checkpoint import Arrays
from tf_lottery.datasets.dataset import Dataset, Splits
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.networks.network import Network
from tf_lottery.networks.recipes import Training
from tf_lottery.pruning.prunable import copy_weights, prunable
from tf_lottery.pruning.prune import masks, set_masks
from tf_lottery.rewinding.momentum_sgd import MomentumSGD
from tf_lottery.rewinding.schedules import Rates
from tf_lottery.rewinding.state import capture, restore
from tf_lottery.training.order import positions
from tf_lottery.training.original_rates import OriginalRates
from tf_lottery.training.randomness import Draws
from tf_lottery.training.step_loop import StepLoop, chunks

# A call of the compiled loop should come back to Python a few times a second, for progress and interrupts.
_MULTIPLY_ADDS_PER_CALL = 3e10


class DivergedError(Exception):
    """The loss was not a finite number."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What a network does on one split."""

    loss: float  # mean cross-entropy, nats
    accuracy: float  # 0 to 1


class Engine:
    """A network, its data and its optimizer, compiled once."""

    def __init__(
        self, network: Network, dataset: Dataset, splits: Splits, training: Training, *, jit: str = "auto"
    ) -> None:
        """Build and compile.

        Args:
            network: How to build it.
            dataset: The dataset's row.
            splits: Its data.
            training: Optimizer, batch size and weight decay; its epochs bound those of a stage.
            jit: "on" and "off" for XLA; "auto" takes the faster one for this network and device.
        """
        self._network, self._dataset, self._training = network, dataset, training
        self._data_digest = splits.digest
        self._examples = {"validation": len(splits.validation.labels), "test": len(splits.test.labels)}
        self.model = prunable(self._build())
        self._loop = StepLoop(
            self.model,
            dataset=dataset,
            splits=splits,
            batch_size=training.batch_size,
            steps_per_epoch=training.longest_epoch,
        )
        # The longest stage is a fresh initialisation: the whole recipe, then at most as many epochs again.
        self._rates = OriginalRates(2 * training.total_steps)
        self.jit = _jit(jit, network)
        self._loop.compile(optimizer=_optimizer(training, self._rates), jit_compile=self.jit)
        self._loop.optimizer.build(self.model.trainable_variables)
        self.model.optimizer = self._loop.optimizer  # so that state and pruning find the slots

    def environment(self) -> dict[str, str | int | bool]:
        """Return what the bytes of a result depend on beside its spec."""
        device = tf.config.list_physical_devices("GPU")
        name = tf.config.experimental.get_device_details(device[0])["device_name"] if device else _processor()
        return {
            "data": self._data_digest,
            "device": name,
            "jit": self.jit,
            "numpy": np.__version__,
            "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
            "tensorflow": tf.__version__,
            "threads": tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0)),
        }

    def put_fresh_state(self, draws: Draws, *, keep_masks: bool) -> None:
        """Initialise weights and batch norm statistics anew, slots and step to zero, masks to ones unless kept."""
        keras.utils.set_random_seed(draws.integer("weights"))
        fresh = self._build()
        if not keep_masks:
            set_masks(self.model, {name: np.ones_like(mask) for name, mask in masks(self.model).items()})
        copy_weights(fresh, self.model)
        for variable in self._loop.optimizer.variables:
            variable.assign(tf.zeros_like(variable))

    def state(self) -> Arrays:
        """Return weights, masks, batch norm statistics, slots and the optimizer's step."""
        return capture(self.model)

    def put_state(self, arrays: Arrays, *, keep_masks: bool) -> None:
        """Put a whole state back; with `keep_masks` under the masks that the model has now."""
        restore(self.model, arrays, keep_masks=keep_masks)

    @property
    def iterations(self) -> int:
        """The optimizer's own count of its steps."""
        return int(self._loop.optimizer.iterations)

    def train(
        self,
        *,
        rates: Rates,
        ends: Sequence[int],
        from_step: int,
        draws: Draws,
        callbacks: Sequence[Any],
    ) -> None:
        """Train from `from_step`, where the model's state stands, to the end of the stage.

        Args:
            rates: The learning rate of each step of the stage.
            ends: The steps at which epochs end, ascending, from 0 to len(rates).
            from_step: One of `ends`.
            draws: The stage's random numbers.
            callbacks: Keras callbacks; their epochs count from 0 at the start of the stage.

        Raises:
            DivergedError: A loss was not finite; step, rate and a suggestion are in the message.
        """
        first_epoch = list(ends).index(from_step)
        if from_step == ends[-1]:
            return
        self._rates.put(rates, first_iteration=self.iterations - from_step)
        calls = self._calls_per_epoch()
        pairs = []
        for begin, end in zip(ends[first_epoch:-1], ends[first_epoch + 1 :], strict=True):
            marks = np.linspace(0, end - begin, calls + 1).round().astype(int)
            pairs += [(int(a), int(b - a)) for a, b in itertools.pairwise(marks)]
        watch = _Epochs(self._loop, ends, rates, draws, self._training, self._dataset)
        self._loop.fit(
            chunks(pairs),
            initial_epoch=first_epoch,
            epochs=len(ends) - 1,
            steps_per_epoch=calls,
            validation_data=self._loop.chunk_of("validation"),
            callbacks=[watch, *callbacks],
            verbose=0,
        )

    def evaluate(self, split: str) -> Evaluation:
        """Evaluate on "validation" or "test"."""
        loss, accuracy = self._loop.evaluate(self._loop.chunk_of(split), verbose=0)
        examples = self._examples[split]
        # From a float32 share back to the count, so that a table has 0.97 and not 0.9700000286.
        return Evaluation(loss=float(loss), accuracy=round(accuracy * examples) / examples)

    def _build(self) -> Any:
        return self._network.build(shape=self._dataset.shape, classes=self._dataset.classes, l2=self._training.l2)

    def _calls_per_epoch(self) -> int:
        pixels = self._dataset.shape[0] * self._dataset.shape[1]
        per_step = 3 * self._network.multiply_adds_per_pixel * pixels * self._training.batch_size
        return max(1, round(per_step * self._training.longest_epoch / _MULTIPLY_ADDS_PER_CALL))


class _Epochs(keras.callbacks.Callback):
    """Puts in each epoch's order of examples, and ends a training that diverged."""

    def __init__(
        self,
        loop: StepLoop,
        ends: Sequence[int],
        rates: Rates,
        draws: Draws,
        training: Training,
        dataset: Dataset,
    ) -> None:
        super().__init__()
        self._loop, self._ends, self._rates, self._draws = loop, ends, rates, draws
        self._training, self._augmented = training, dataset.augmentation == "pad_crop_flip"

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        batch, examples = self._training.batch_size, self._training.examples
        first, last = self._ends[epoch] * batch, self._ends[epoch + 1] * batch
        self._loop.put_order(
            positions(self._draws, examples=examples, first=first, last=last, augmented=self._augmented)
        )
        self._loop.diverged_at.assign(-1)
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        del batch, logs
        if (offset := int(self._loop.diverged_at)) >= 0:
            step = self._ends[self._epoch] + offset
            raise DivergedError(
                f"the loss is not a finite number at step {step} (epoch {self._epoch + 1}), where the learning rate "
                f"is {self._rates[step]:g}: the training diverged. Try a smaller --learning_rate, such as "
                f"{self._training.learning_rate / 10:g}, or a larger --batch_size."
            )


def _optimizer(training: Training, rates: Any) -> Any:
    if training.optimizer == "adam":
        # The defaults of Keras and of the paper's reference, Kingma & Ba 2015, but for epsilon: theirs is 1e-8.
        return keras.optimizers.Adam(rates, epsilon=1e-8, jit_compile=False)
    return MomentumSGD(rates, momentum=training.momentum, nesterov=training.nesterov)


def _jit(choice: str, network: Network) -> bool:
    if choice != "auto":
        return choice == "on"
    # XLA's convolutions on a CPU run at half the speed of oneDNN's; without convolutions it is 2 to 4 times as fast.
    return not network.has_convolutions or bool(tf.config.list_physical_devices("GPU"))


def _processor() -> str:
    """Return the processor's model where Linux tells it: the bytes of a sum depend on its instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()
