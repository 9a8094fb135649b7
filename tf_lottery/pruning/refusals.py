"""What Keras and TensorFlow raise when layers, data and losses do not fit, and the line of it that says so."""

from __future__ import annotations

from tf_lottery.lazy_tf import tf

REFUSALS = (ValueError, TypeError, LookupError, tf.errors.OpError)

_LENGTH = 160  # of what is told
# Lines that say where in Keras or in a graph it was.
_WHERE = (
    "Exception encountered",
    "Call arguments",
    "Graph execution error",
    "Detected at node",
    "File ",
    "<stack",
    "[[",
)


def told(error: Exception) -> str:
    """Return the line in which such an error says what is wrong, without a full stop."""
    lines = [line.strip().rstrip(".") for line in str(error).splitlines()]
    line = next((line for line in lines if line and not line.startswith(_WHERE)), type(error).__name__)
    return line if len(line) <= _LENGTH else f"{line[: _LENGTH - 3]}..."
