"""One network on one dataset, compiled once; every stage of the process trains on it by putting values in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf_lottery.checkpoint import Arrays
from tf_lottery.datasets.dataset import Dataset, Splits
from tf_lottery.lazy_tf import keras, tf
from tf_lottery.networks.dropout import dropout_layers, rates_by_layer
from tf_lottery.networks.network import Network
from tf_lottery.networks.recipes import RECIPES, Training
from tf_lottery.pruning.cloning import copy_weights, masked_layers
from tf_lottery.pruning.collector import Collector
from tf_lottery.pruning.flops import FlopCounter, Flops
from tf_lottery.pruning.prunable import prunable
from tf_lottery.pruning.prune import masks, set_masks
from tf_lottery.rewinding.momentum_sgd import MomentumSGD
from tf_lottery.rewinding.retraining import Momenta
from tf_lottery.rewinding.schedules import Rates
from tf_lottery.rewinding.state import capture, restore
from tf_lottery.training import batches, inputs
from tf_lottery.training.compiler import Jit, precision_of_layers, scaled, uses_xla
from tf_lottery.training.environment import environment
from tf_lottery.training.feed import Feed
from tf_lottery.training.held_layers import HeldLayers, Trained
from tf_lottery.training.put_in import PutIn
from tf_lottery.training.randomness import Draws
from tf_lottery.training.step_loop import StepLoop, mean_cross_entropy

# A call of the compiled loop should come back to Python a few times a second, for progress and interrupts.
_MULTIPLY_ADDS_PER_CALL = 3e10
_GREATEST_RATE = max(recipe.learning_rate for recipe in RECIPES.values())


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
        self,
        network: Network,
        dataset: Dataset,
        splits: Splits,
        training: Training,
        *,
        jit: Jit = "auto",
        input_choice: inputs.Choice = "auto",
        holds: bool = False,
    ) -> None:
        """Build and compile.

        Args:
            network: How to build it.
            dataset: The dataset's row.
            splits: Its data.
            training: Optimizer, batch size, weight decay and precision; how long and at which rates it trains is
                `train`'s to say.
            jit: Whether XLA compiles the steps.
            input_choice: Whether the examples are held in memory.
            holds: Whether `train` can train some layers only, which its compiled steps depend on.
        """
        self._network, self._dataset, self._training = network, dataset, training
        self._data_digest, self._train = splits.digest, splits.train
        with precision_of_layers(training.precision):
            self.model = prunable(self._build())
        source = inputs.choose(input_choice, splits)
        self._feed = Feed(
            source,
            examples=training.examples,
            batch_size=training.batch_size,
            longest_epoch=training.longest_epoch,
            pieces_per_epoch=self._calls_per_epoch(),
            augmented=dataset.augmentation == "pad_crop_flip",
        )
        rates, momenta = PutIn(self._feed.steps), PutIn(self._feed.steps)
        self._loop = StepLoop(
            self.model,
            dataset=dataset,
            source=source,
            batch_size=training.batch_size,
            rates=rates,
            momenta=momenta,
        )
        self.jit = uses_xla(jit, network)
        optimizer = scaled(_optimizer(training, rates, momenta), training.precision)
        self._loop.compile(optimizer=optimizer, jit_compile=self.jit)
        self._loop.optimizer.build(self.model.trainable_variables)
        self._flop_counter: FlopCounter | None = None
        self.model.optimizer = self._loop.optimizer  # so that state and pruning find the slots
        if holds:
            self._loop.held_layers = HeldLayers(self.model)

    def environment(self) -> dict[str, str | int | bool]:
        """Return what the bytes of a result depend on beside its spec."""
        return environment(data=self._data_digest, jit=self.jit)

    def put_fresh_state(self, draws: Draws, *, keep_masks: bool) -> None:
        """Initialise weights and batch norm statistics anew, slots and step to zero, masks to ones unless kept."""
        keras.utils.set_random_seed(draws.integer("weights"))
        fresh = self._build()
        if not keep_masks:
            set_masks(self.model, {name: np.ones_like(mask) for name, mask in masks(self.model).items()})
        copy_weights(fresh, self.model)
        self.put_fresh_slots()

    def put_fresh_slots(self) -> None:
        """Set the optimizer's slots and step to zero, as those of a new one."""
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

    @property
    def traces(self) -> tuple[int, int]:
        """How often training and evaluation were traced: once each, however many stages ran."""
        return self._loop.traces

    def train(
        self,
        *,
        rates: Rates,
        momenta: Momenta | None = None,
        ends: Sequence[int],
        from_step: int,
        draws: Draws,
        callbacks: Sequence[Any],
        trained: Trained = "all",
        adjusts_dropout: bool = False,
    ) -> None:
        """Train from `from_step`, where the model's state stands, to the end of the stage.

        Args:
            rates: The learning rate of each step of the stage.
            momenta: The momentum of each step; None for the training's own. Adam has none.
            ends: The steps at which epochs end, ascending, from 0 to len(rates).
            from_step: One of `ends`.
            draws: The stage's random numbers.
            callbacks: Keras callbacks; their epochs count from 0 at the start of the stage, and their logs have loss,
                accuracy, val_loss and val_accuracy.
            trained: Which layers; not all only in an engine that `holds`.
            adjusts_dropout: Whether dropout falls with what the masks keep of a layer, as in Han et al. 2015.

        Raises:
            DivergedError: A loss was not finite; step, rate and a suggestion are in the message.
        """
        if from_step == ends[-1]:
            return
        if self._loop.held_layers:
            self._loop.held_layers.put(trained)
        elif trained != "all":
            raise ValueError(f"trained is {trained!r}; expected 'all' in an engine that does not hold layers.")
        adjusted = rates_by_layer(self.model, masks(self.model)) if adjusts_dropout else {}
        for layer in dropout_layers(self.model):
            rate = adjusted.get(layer.name, layer.rate)
            layer.begin(seed=draws.integer("dropout"), step=from_step, rate=rate)
        first_epoch = list(ends).index(from_step)
        if momenta is None:
            momenta = np.full(len(rates), self._training.momentum, np.float32)
        self._feed.put(rates=rates, momenta=momenta, ends=ends, first_epoch=first_epoch, draws=draws)
        self._loop.fit(
            self._feed.dataset,
            initial_epoch=first_epoch,
            epochs=len(ends) - 1,
            steps_per_epoch=self._feed.pieces_per_epoch,
            callbacks=[_Watch(self._loop, ends, rates), _Validation(self), *callbacks],
            verbose=0,
        )

    def order(self, epoch: int) -> str:
        """Return what tells the order of examples in this epoch, from 0, of the last `train` from that of others."""
        return self._feed.order(epoch)

    def collector(self, draws: Draws) -> Collector:
        """Return what collects for criteria, on examples of the training split drawn at random, not augmented."""

        def draw(count: int) -> tuple[Any, Any]:
            places = draws.generator("examples", 0).permutation(len(self._train.labels))[:count]
            images = batches.normalise(tf.constant(self._train.images[places]), self._dataset)
            return images.numpy(), self._train.labels[places]

        return Collector(self.model, find_loss=lambda: mean_cross_entropy, draw=draw, seed=draws.integer("examples"))

    def flops(self) -> Flops:
        """Return the FLOPs of the network as it is now."""
        if self._flop_counter is None:
            self._flop_counter = FlopCounter(self.model)  # traces the network
        return self._flop_counter.count()

    @property
    def is_chain(self) -> bool:
        """Whether each kernel reads what the one before it gives, and nothing else."""
        return self._network.is_chain

    def nonzero_inputs(self, split: str) -> list[float]:
        """Return which share of the inputs of each layer with a mask is not 0, on "validation" or "test"."""
        return self._loop.nonzero_shares(masked_layers(self.model), split)

    def evaluate(self, split: str) -> Evaluation:
        """Evaluate on "validation" or "test"."""
        loss, accuracy = self._loop.evaluate_split(split)
        return Evaluation(loss=loss, accuracy=accuracy)

    def _build(self) -> Any:
        with precision_of_layers(self._training.precision):
            dropout = {"dropout": self._training.dropout} if self._training.dropout else {}
            return self._network.build(
                shape=self._dataset.shape, classes=self._dataset.classes, l2=_l2_of_layers(self._training), **dropout
            )

    def _calls_per_epoch(self) -> int:
        pixels = self._dataset.shape[0] * self._dataset.shape[1]
        per_step = 3 * self._network.multiply_adds_per_pixel * pixels * self._training.batch_size
        return max(1, round(per_step * self._training.longest_epoch / _MULTIPLY_ADDS_PER_CALL))


class _Validation(keras.callbacks.Callback):
    """Adds the validation split's loss and accuracy to the logs of each epoch, under Keras' own names.

    Before every other callback, which so find them as after Keras' own validation; that one costs ten times as much
    as the validation itself on small data.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del epoch
        if logs is not None:
            found = self._engine.evaluate("validation")
            logs["val_loss"], logs["val_accuracy"] = found.loss, found.accuracy


class _Watch(keras.callbacks.Callback):
    """Ends a training that diverged."""

    def __init__(self, loop: StepLoop, ends: Sequence[int], rates: Rates) -> None:
        super().__init__()
        self._loop, self._ends, self._rates, self._epoch = loop, ends, rates, 0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        del logs
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        del batch, logs
        if (offset := int(self._loop.diverged_at)) >= 0:
            step = self._ends[self._epoch] + offset
            raise DivergedError(
                f"the loss is not a finite number at step {step} (epoch {self._epoch + 1}), where the learning rate "
                f"is {self._rates[step]:g}: the training diverged. Try a smaller --learning_rate, such as "
                f"{min(max(self._rates) / 10, _GREATEST_RATE):g}, or a larger --batch_size."
            )


def _optimizer(training: Training, rates: PutIn, momenta: PutIn) -> Any:
    if training.optimizer == "adam":
        if training.l1:
            raise ValueError(
                f"l1 is {training.l1:g} with adam; expected 0. Use momentum_sgd, which adds it to gradients."
            )
        # The defaults of Keras and of the paper's reference, Kingma & Ba 2015, but for epsilon: theirs is 1e-8.
        return keras.optimizers.Adam(rates, epsilon=1e-8, jit_compile=False)
    return MomentumSGD(rates, momentum=momenta, nesterov=training.nesterov, l2=training.l2, l1=training.l1)


def _l2_of_layers(training: Training) -> float:
    """Return the weight decay that layers add to the loss: none where the optimizer adds it to the gradients."""
    return training.l2 if training.optimizer == "adam" else 0.0
