"""Faults by hand, each with the tests that must fail for it: what would make the experiment another one, unseen."""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """One fault: `old`, which stands once in the file, becomes `new`."""

    path: str
    old: str
    new: str
    tests: str


_DENSE = "tests/reference/test_dense_networks.py"
_STARTS = "tests/reference/test_convolutional_networks.py"
_CHANNELS = "tests/pruning/test_channel_criteria.py"

NAMED = {
    # The experiment would be another one.
    "one order of examples in every epoch": Fault(
        "tf_lottery/training/order.py", 'generator("order", epoch)', 'generator("order", 0)', _DENSE),
    "one augmentation in every epoch": Fault(
        "tf_lottery/training/order.py", 'generator("augmentation", epoch)', 'generator("augmentation", 0)',
        "tests/reference/test_augmented_images.py"),
    # Other criteria than the papers'.
    "maps are read before batch norm": Fault(
        "tf_lottery/pruning/maps.py",
        "isinstance(readers[0].layer, layers.BatchNormalization) or _is_end(readers[0])", "_is_end(readers[0])",
        _CHANNELS),
    "maps are read behind an activation": Fault(
        "tf_lottery/pruning/maps.py", "while not _is_activated(call.layer):", "while True:", _CHANNELS),
    "one of several readers decides what a map is": Fault(
        "tf_lottery/pruning/maps.py", "if len(readers) != 1 or not", "if not readers or not", _CHANNELS),
    "Taylor with signs over the batch": Fault(
        "tf_lottery/pruning/map_quantities.py", "tf.reduce_mean(tf.abs(means), axis=0)",
        "tf.abs(tf.reduce_mean(means, axis=0))", _CHANNELS),
    "Taylor without signs at each position": Fault(
        "tf_lottery/pruning/map_quantities.py", "tf.reduce_mean(product, axis=1)",
        "tf.reduce_mean(tf.abs(product), axis=1)", _CHANNELS),
    "scores over their sum, not their l2 norm": Fault(
        "tf_lottery/pruning/by_group.py", "np.linalg.norm(scores[scores > -np.inf])",
        "np.abs(scores[scores > -np.inf]).sum()", _CHANNELS),
    "a map's FLOPs without its bias": Fault(
        "tf_lottery/pruning/by_group.py", "2 * uses[name] * (weights + 1)", "2 * uses[name] * weights", _CHANNELS),
    "a channel that stays where it is read": Fault(
        "tf_lottery/pruning/channels/cuts.py", "for name, axes in group.places.items():",
        "for name, axes in ((name, group.places[name]) for name in group.makers):",
        "tests/pruning/channels/test_cuts.py"),
    "the purpose is not in the key": Fault(
        "tf_lottery/training/randomness.py", " {self.depth} {purpose} ", " {self.depth} ", _DENSE),
    "the trial is not in the key": Fault(
        "tf_lottery/training/randomness.py", "{self.seed} {self.trial} ", "{self.seed} ", _DENSE),
    "the depth is not in the key": Fault(
        "tf_lottery/training/randomness.py", "{self.trial} {self.depth} ", "{self.trial} ", _DENSE),
    "masks are chosen from the rewound weights": Fault(
        "tf_lottery/experiments/stage.py",
        "        report = prune_by(",
        "        if rewound is not None:\n            engine.put_state(rewound, keep_masks=True)\n"
        "        report = prune_by(",
        _DENSE),
    "fine-tuning starts from fresh weights": Fault(
        "tf_lottery/rewinding/techniques.py", '"fine_tune": Technique(weights="trained"',
        '"fine_tune": Technique(weights="fresh"', _DENSE),
    "learning rate rewinding starts from fresh weights": Fault(
        "tf_lottery/rewinding/techniques.py",
        '"lr_rewind": Technique(\n        weights="trained"', '"lr_rewind": Technique(\n        weights="fresh"',
        _STARTS),
    "each level prunes the dense network": Fault(
        "tf_lottery/experiments/stage.py", "self._read_final(spec.parent)", "self._read_final(spec.dense)", _DENSE),
    # What is told of it would be wrong.
    "validation and test are swapped": Fault(
        "tf_lottery/experiments/measure.py", 'engine.evaluate("test"), engine.evaluate("validation")',
        'engine.evaluate("validation"), engine.evaluate("test")', "tests/experiments"),
    "right answers count twice": Fault(
        "tf_lottery/training/step_loop.py", "correct + right,", "correct + 2 * right,", "tests/training"),
    "padding counts as examples": Fault(
        "tf_lottery/training/inputs.py", "(places < len(examples.labels)).astype(np.float32)",
        "np.ones(len(places), np.float32)", "tests/training"),
    "weight decay is left out": Fault(
        "tf_lottery/training/engine.py", "nesterov=training.nesterov, l2=training.l2", "nesterov=training.nesterov",
        "tests/training"),
    "losses of layers are left out": Fault(
        "tf_lottery/training/step_loop.py", "[cross_entropy, *self.losses]", "[cross_entropy]", "tests/training"),
    "the optimizer's state stays between stages": Fault(
        "tf_lottery/training/engine.py", "variable.assign(tf.zeros_like(variable))", "pass", "tests/training"),
    "the last rate of the epoch before is told": Fault(
        "tf_lottery/experiments/keepers.py", "self._rates[step - 1]", "self._rates[step - 2]", "tests/experiments"),
    "reinit's T epochs cost nothing": Fault(
        "tf_lottery/experiments/spec.py", "self.parent.search_cost + self.epochs",
        "self.parent.search_cost + self.retrain_epochs", "tests/experiments"),
    "a median for the mean of dense networks": Fault(
        "tf_lottery/results.py", "test_accuracy.mean()", "test_accuracy.median()", "tests/test_results.py"),
    "digits are divided by another key": Fault(
        "tf_lottery/datasets/digits.py", "Philox(key=1998)", "Philox(key=1999)", "tests/datasets"),
    "a speed-up upside down": Fault(
        "paper_figures/flops.py", "tuned[None, :, None, None] / block.flops",
        "block.flops / tuned[None, :, None, None]", "tests/paper_figures/test_flops.py"),
    "the spread of trials divided by n": Fault(
        "paper_figures/accuracy.py", "np.std(block.dense, ddof=1)", "np.std(block.dense)", "tests/paper_figures"),
    "a transposed pickle": Fault(
        "paper_figures/frame_pickle.py", '"F" if is_fortran else "C"', '"C"',
        "tests/paper_figures/test_frame_pickle.py"),
    # The store would not be what it says.
    "restored values are not compared": Fault(
        "tf_lottery/rewinding/state.py",
        "if any(copy.tobytes() != value.tobytes() for copy in _copies(named[name])):", "if False:", "tests/rewinding"),
    "a byte order ignored": Fault(
        "paper_figures/frame_pickle.py", "{order if order in ('<', '>') else '='}{kind}", "={kind}",
        "tests/paper_figures/test_frame_pickle.py"),
    "the density is not compared": Fault(
        "tf_lottery/experiments/measure.py", "if (asked != expected and not fewer) or nonzero > asked:", "if False:",
        "tests/experiments"),
    "the resume point shares the history that goes on": Fault(
        "tf_lottery/experiments/keepers.py", '"history": list(self._history)', '"history": self._history',
        "tests/experiments"),
    "a checksum without shapes": Fault(
        "tf_lottery/checkpoint.py", 'digest.update(f"\\n{name} {array.dtype.str} {array.shape}\\n".encode())', "pass",
        "tests/test_checkpoint.py"),
    "a stage is done twice": Fault(
        "tf_lottery/experiments/executors/work.py", "if mine and not store.is_done(stage.name):", "if mine:",
        "tests/experiments"),
    "another batch size on the old engine": Fault(
        "tf_lottery/experiments/stage.py", "dense.training.compiled_part, holds)", "dense.training.precision, holds)",
        "tests/experiments"),
}  # fmt: skip
