import numpy as np
import pytest

import tf_lottery as tl
from tf_lottery.lazy_tf import keras, tf

RATES = [0.1, 0.1, 0.01, 0.01, 0.1, 0.001]
GRADIENTS = [1.0, -2.0, 0.5, 4.0, 1.0, -1.0]


def by_hand(nesterov):
    """TensorFlow 1: a <- 0.9 a + g; w <- w - rate a, or with Nesterov w <- w - rate (g + 0.9 a)."""
    weight, buffer = 1.0, 0.0
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        buffer = 0.9 * buffer + gradient
        weight -= rate * (gradient + 0.9 * buffer if nesterov else buffer)
    return weight


@pytest.mark.parametrize("nesterov", [False, True])
def test_steps_under_a_changing_rate_are_tensorflow_1s(nesterov):
    optimizer = tl.MomentumSGD(0.1, momentum=0.9, nesterov=nesterov)
    weight = tf.Variable(1.0)
    for rate, gradient in zip(RATES, GRADIENTS, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply_gradients([(tf.constant(gradient), weight)])
    assert float(weight) == pytest.approx(by_hand(nesterov), rel=1e-6)


class Momenta(keras.optimizers.schedules.LearningRateSchedule):
    """0.5, 0.25, 0.75 in steps 0, 1, 2; counts how often it is read."""

    reads = 0

    def __call__(self, step):
        self.reads += 1
        return tf.gather([0.5, 0.25, 0.75], tf.cast(step, tf.int32))


WAYS = {  # how a step is run, whether Keras compiles the update, how often three steps of two weights read the schedule
    "eagerly": (lambda step: step, False, 3),
    "as a graph": (tf.function, False, 1),
    "compiled": (lambda step: tf.function(step, jit_compile=True), False, 1),
    "the update compiled": (lambda step: step, True, 2),  # for each weight, once and for all
}


@pytest.mark.parametrize("way", WAYS)
def test_a_momentum_schedule_gives_each_step_its_own_and_is_read_once_a_step(way):
    run, compiles_update, reads = WAYS[way]
    momenta, weights = Momenta(), [tf.Variable(1.0), tf.Variable([1.0, 1.0])]
    optimizer = tl.MomentumSGD(1.0, momentum=momenta)
    optimizer.jit_compile = compiles_update  # an argument that counts on a GPU alone
    optimizer.build(weights)
    step = run(lambda: optimizer.apply_gradients([(tf.ones_like(weight), weight) for weight in weights]))
    ends = []
    for _ in range(3):
        step()
        ends.append(float(weights[0]))
        assert weights[1].numpy().tolist() == ends[-1:] * 2
    assert ends == [0.0, -1.25, -3.1875]  # buffers 1, 0.25 * 1 + 1, 0.75 * 1.25 + 1
    assert momenta.reads == reads
    assert len(optimizer.variables) == 3  # the step, two buffers: the momentum is no part of the state


@pytest.mark.parametrize("nesterov", [False, True])
def test_keras_own_sgd_is_the_same_at_a_constant_rate_and_another_at_a_drop(nesterov):
    def end(optimizer, rates):
        weight = tf.Variable(1.0)
        for rate, gradient in zip(rates, GRADIENTS, strict=True):
            optimizer.learning_rate = rate
            optimizer.apply_gradients([(tf.constant(gradient), weight)])
        return float(weight)

    def both(rates):
        settings = {"momentum": 0.9, "nesterov": nesterov}
        return end(tl.MomentumSGD(0.1, **settings), rates), end(keras.optimizers.SGD(0.1, **settings), rates)

    ours, theirs = both([0.1] * 6)
    assert ours == pytest.approx(theirs, abs=1e-6)  # of terms up to 0.4, summed in another order
    ours, theirs = both(RATES)
    assert abs(ours - theirs) > 1e-2


def test_rows_of_an_embedding_that_a_step_does_not_see_move_by_momentum():
    dense, sparse = tf.Variable(tf.ones([4, 2])), tf.Variable(tf.ones([4, 2]))
    one, two = tl.MomentumSGD(0.1), tl.MomentumSGD(0.1)
    for rows in ([0, 2, 2], [1]):
        values = tf.ones([len(rows), 2])
        slices = tf.IndexedSlices(values, tf.constant(rows), dense_shape=tf.constant([4, 2]))
        two.apply_gradients([(slices, sparse)])
        one.apply_gradients([(tf.math.unsorted_segment_sum(values, rows, 4), dense)])
    assert np.allclose(dense.numpy(), sparse.numpy(), rtol=1e-6)


@pytest.mark.parametrize("nesterov", [False, True])
def test_l2_is_the_gradient_of_half_the_sum_of_squares(nesterov):
    weights = [tf.Variable([1.0, -2.0, 0.5]) for _ in range(3)]
    sparse = tf.IndexedSlices(tf.constant([0.25]), tf.constant([1]), dense_shape=tf.constant([3]))
    for _ in range(4):
        gradient = tf.constant([0.0, 0.25, 0.0])
        steps = ((weights[0], 0.1, gradient), (weights[1], 0.1, sparse), (weights[2], 0.0, gradient + 0.1 * weights[2]))
        for weight, l2, given in steps:
            # A slot an optimizer: each is made anew, at momentum 0, where only the gradient counts.
            tl.MomentumSGD(0.5, momentum=0.0, nesterov=nesterov, l2=l2).apply_gradients([(given, weight)])
    assert weights[0].numpy().tolist() == weights[1].numpy().tolist() == weights[2].numpy().tolist()


def test_l1_is_the_gradient_of_the_sum_of_sizes_and_0_where_a_weight_is_0():
    weight = tf.Variable([1.0, -2.0, 0.0, 0.25])
    optimizer = tl.MomentumSGD(0.5, momentum=0.5, l1=0.1, l2=0.2)
    value, buffer = np.array([1.0, -2.0, 0.0, 0.25]), np.zeros(4)
    for _ in range(6):  # the last weight comes past 0 on the way
        optimizer.apply_gradients([(tf.constant([0.0, 0.25, 0.0, 0.1]), weight)])
        buffer = 0.5 * buffer + [0, 0.25, 0, 0.1] + 0.2 * value + 0.1 * np.sign(value)
        value = value - 0.5 * buffer
    assert weight.numpy() == pytest.approx(value, rel=1e-5)
    assert (value[2], value[3] < 0) == (0, True)


def test_it_is_loaded_by_name():
    optimizer = tl.MomentumSGD(0.2, momentum=0.8, nesterov=True, l2=0.5, l1=0.25)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, tl.MomentumSGD)
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize(
    ("arguments", "kind", "sentence"),
    [
        ({"momentum": 1}, ValueError, "momentum is 1; expected at least 0 and below 1"),
        ({"momentum": -0.1}, ValueError, "momentum is -0.1; expected at least 0"),
        ({"momentum": "0.9"}, TypeError, r"momentum is '0.9' \(str\); expected a number"),
        ({"momentum": None}, TypeError, r"momentum is None .*; expected a number"),
        ({"l2": -1}, ValueError, "l2 is -1; expected 0 or more"),
        ({"l2": float("inf")}, ValueError, "l2 is inf; expected 0 or more, and finite"),
        ({"l2": float("nan")}, ValueError, "l2 is nan; expected 0 or more"),
        ({"l1": -1}, ValueError, "l1 is -1; expected 0 or more"),
        ({"l2": None}, TypeError, "l2 is None .*; expected a number"),
        ({"nesterov": "yes"}, TypeError, "nesterov is 'yes'; expected True or False"),
        ({"learning_rate": "0.1"}, TypeError, r"learning_rate is '0.1' \(str\); expected a number"),
        ({"learning_rate": None}, TypeError, "learning_rate is None .*; expected a number"),
        ({"learning_rate": -0.1}, ValueError, "learning_rate is -0.1; expected 0 or more"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate is nan; expected 0 or more"),
    ],
)
def test_a_wrong_argument_is_refused_in_a_sentence(arguments, kind, sentence):
    with pytest.raises(kind, match=sentence):
        tl.MomentumSGD(**arguments)


@pytest.mark.parametrize("rate", [0.5, np.float32(0.5), np.array(0.5), tf.constant(0.5), tf.Variable(0.5)])
def test_a_rate_is_a_number_of_any_kind(rate):
    assert float(tl.MomentumSGD(rate).learning_rate) == 0.5
