"""The count that Keras' Nadam keeps in Python, beside its variables, as a value that can be read and set like one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lottery.lazy_tf import tf


class NadamCount:
    """How often Nadam has multiplied up its momentum schedule (`_u_product`), plus 1.

    By it Nadam knows that one of the weights of a step has done so already (tf_keras 2.21, optimizers/nadam.py). Where
    steps run eagerly, it is the step's number. Where they are traced, it counts while tracing, each weight's number
    becomes part of the step for good, and the count itself says how often was traced: then its value is 1, so that
    what is traced anew is what was traced first.
    """

    shape = ()
    dtype = tf.int64

    def __init__(self, optimizer: Any) -> None:
        self._optimizer = optimizer

    def numpy(self) -> npt.NDArray[np.int64]:
        """Return the count."""
        return np.asarray(self._optimizer._u_product_counter if self._is_eager() else 1, np.int64)

    def assign(self, value: Any) -> None:
        """Set the count."""
        self._optimizer._u_product_counter = int(value)

    def _is_eager(self) -> bool:
        step = int(self._optimizer.iterations.numpy())
        if self._optimizer._u_product_counter != step + 1:
            return False
        # As many traces times weights as steps: but then each step has multiplied for several weights.
        factors = self._optimizer.beta_1 * (1 - 0.5 * 0.96 ** np.arange(1, step + 1))
        return float(self._optimizer._u_product.numpy()) >= 0.7 * float(np.prod(factors))
