"""The techniques as data, schedules as functions of the original step, and the Keras callbacks that rewind."""
