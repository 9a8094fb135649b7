"""SGD with momentum whose buffer does not contain the learning rate, as in TensorFlow 1 and PyTorch."""

from __future__ import annotations

from typing import Any

from tf_lottery import arguments
from tf_lottery.lazy_tf import keras, tf


@keras.utils.register_keras_serializable(package="tf_lottery")
class MomentumSGD(keras.optimizers.Optimizer):
    """Momentum as in TensorFlow 1's `MomentumOptimizer`, which the authors' code uses.

    a <- momentum a + g; w <- w - rate a. Keras' own SGD keeps a velocity with the rate in it (v <- momentum v - rate g;
    w <- w + v): equal at a constant rate, and up to ten times off for some ten steps after a tenfold drop, or after
    rewinding. With Nesterov: w <- w - rate (g + momentum a), a updated before.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: Any = 0.9,
        nesterov: bool = False,
        l2: float = 0.0,
        l1: float = 0.0,
        name: str = "MomentumSGD",
        jit_compile: bool = False,
        **kwargs: Any,
    ) -> None:
        """Make the optimizer.

        Args:
            learning_rate: A number above 0 or a Keras schedule.
            momentum: A number in [0, 1), or a Keras schedule of such numbers, read at the optimizer's own step.
            nesterov: Look ahead.
            l2: Coefficient of sum(w^2) / 2 over every trainable variable: l2 w is added to its gradient. The same
                steps as with a regularizer on each of them, whose loss costs a small network a tenth of its time.
            l1: Coefficient of sum(|w|) over every trainable variable, in the same way: l1 sign(w), 0 at 0.
            name: Of the optimizer.
            jit_compile: Of the update alone; a compiled training loop has it compiled anyway.
            **kwargs: As of every Keras optimizer.

        Raises:
            TypeError: An argument of another type, or one that Keras' optimizers do not have.
            ValueError: A learning rate, momentum, l2 or l1 out of range.
        """
        self.momentum, self.nesterov = _momentum(momentum), nesterov
        self.l2, self.l1 = arguments.number("l2", l2), arguments.number("l1", l1)
        for what, value in (("l2", l2), ("l1", l1)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{what} is {value}; expected 0 or more, and finite, such as 1e-4.")
        if not isinstance(nesterov, bool):
            raise TypeError(f"nesterov is {nesterov!r}; expected True or False.")
        self._momentum_of_step: Any = None  # a plain tensor: a variable would be part of the optimizer's state
        super().__init__(name=name, jit_compile=jit_compile, **kwargs)
        self._learning_rate = self._build_learning_rate(_rate(learning_rate))

    def build(self, var_list: Any) -> None:
        super().build(var_list)
        if getattr(self, "_accumulators", None):
            return
        self._accumulators = [self.add_variable_from_reference(variable, "momentum") for variable in var_list]
        self._built = True

    def apply_gradients(self, grads_and_vars: Any, *args: Any, **kwargs: Any) -> Any:
        # A schedule is read once a step, not once a variable: where steps are short, of small convolutional networks,
        # that cost a twentieth of them. But with `jit_compile` Keras traces the update of a variable once, for all
        # steps, so that it would keep the first one's value.
        once = _is_schedule(self.momentum) and not self.jit_compile
        self._momentum_of_step = self.momentum(self.iterations) if once else None
        try:
            return super().apply_gradients(grads_and_vars, *args, **kwargs)
        finally:
            self._momentum_of_step = None  # of this step, and of the graph that is traced now

    def update_step(self, gradient: Any, variable: Any) -> None:
        rate = tf.cast(self.learning_rate, variable.dtype)
        momentum = self._momentum_of_step
        if momentum is None:
            momentum = self.momentum(self.iterations) if _is_schedule(self.momentum) else self.momentum
        momentum = tf.cast(momentum, variable.dtype)
        accumulator = self._accumulators[self._index_dict[self._var_key(variable)]]
        if self.l2:
            gradient = tf.convert_to_tensor(gradient) + tf.cast(self.l2, variable.dtype) * variable
        if self.l1:
            gradient = tf.convert_to_tensor(gradient) + tf.cast(self.l1, variable.dtype) * tf.sign(variable)
        if isinstance(gradient, tf.IndexedSlices):  # of an embedding
            accumulator.assign(momentum * accumulator)
            accumulator.scatter_add(gradient)
            gradient = tf.convert_to_tensor(gradient)
        else:
            accumulator.assign(momentum * accumulator + gradient)
        step = gradient + momentum * accumulator if self.nesterov else accumulator
        variable.assign_sub(rate * step)

    def get_config(self) -> dict[str, Any]:
        rate = self._serialize_hyperparameter(self._learning_rate)
        momentum = keras.optimizers.schedules.serialize(self.momentum) if _is_schedule(self.momentum) else self.momentum
        own = {"learning_rate": rate, "momentum": momentum, "nesterov": self.nesterov}
        return super().get_config() | own | {"l2": self.l2, "l1": self.l1}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Return the optimizer of this config."""
        if isinstance(config.get("momentum"), dict):
            schedule = keras.optimizers.schedules.deserialize(config["momentum"], custom_objects=custom_objects)
            config = config | {"momentum": schedule}
        return super().from_config(config, custom_objects=custom_objects)


def _is_schedule(value: Any) -> bool:
    return isinstance(value, keras.optimizers.schedules.LearningRateSchedule)


def _momentum(value: Any) -> Any:
    """Return a schedule as it is, a number as a float."""
    if _is_schedule(value):
        return value
    momentum = arguments.number("momentum", value)
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum is {value}; expected at least 0 and below 1, such as 0.9.")
    return momentum


def _rate(value: Any) -> Any:
    """Return a schedule as it is, a number as a float."""
    if _is_schedule(value):
        return value
    rate = arguments.number("learning_rate", value.numpy() if isinstance(value, (tf.Variable, tf.Tensor)) else value)
    # At 0 nothing moves, which a warm-up that a callback does may begin with.
    if not 0 <= rate < float("inf"):
        raise ValueError(f"learning_rate is {value}; expected 0 or more, and finite, such as 0.1.")
    return rate
