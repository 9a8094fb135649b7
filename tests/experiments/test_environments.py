import json
import re
from hashlib import sha256

import pytest

from tf_lottery.experiments.environments import OtherDataError, check_data, check_one_data, differences
from tf_lottery.experiments.results_row import environment_digest, training_digest
from tf_lottery.experiments.spec import TrainSpec
from tf_lottery.networks.recipes import resolve

TRAINING = resolve("lenet_digits", examples=1297)
HERE = {"data": "1204e698", "device": "some processor", "jit": True, "threads": 2, "variables": ""}


def test_what_both_tell_and_differs_is_told_and_nothing_else():
    older = {name: HERE[name] for name in ("data", "device", "threads")}
    assert differences([]) == differences([HERE]) == differences([HERE, older]) == ""
    assert differences([HERE, older | {"threads": 1}]) == "threads: 2, 1"
    set_, off = HERE | {"variables": "XLA_FLAGS=--xla"}, HERE | {"jit": False}
    assert differences([HERE, set_, off]) == "jit: True, False; variables: none, XLA_FLAGS=--xla"


def test_other_data_are_refused_with_both_digests_and_older_records_that_tell_none_are_not():
    check_data("it", HERE, HERE)
    check_data("it", {}, HERE)
    with pytest.raises(OtherDataError) as error:
        check_data("digits/stage", HERE | {"data": "88f4c0db"}, HERE)
    assert str(error.value) == (
        "digits/stage was made from other data (digest 88f4c0db) than are here (digest 1204e698), or from the same in "
        "another order. Name the folder of the former with --data_dir, or choose another --output_dir."
    )


def test_of_one_table_all_results_on_a_dataset_are_of_one_data(measured):
    spec = TrainSpec(network="lenet_300_100", dataset="digits", training=TRAINING, seed=0, trial=1)
    mine = measured(spec)
    failed = {"status": "failed", "message": "diverged", "dataset": "digits", "stage": "a"}
    other_set = measured(spec, dataset="mnist", environment_record={"data": "88f4c0db"})
    check_one_data([mine, failed, other_set, measured(spec, trial=2, environment_record={})])
    other = measured(spec, stage="digits/other", environment_record={"data": "88f4c0db"})
    with pytest.raises(OtherDataError, match=rf"results on digits .* digests 0a1b2c3d \(such as {spec.name}\) and "
                       r"88f4c0db \(such as digits/other\)"):  # fmt: skip
        check_one_data([mine, failed, other_set, other])


def test_digests_begin_with_a_letter_so_that_none_reads_as_a_number():
    plain = {"data": "1204e698", "threads": 2}
    digits = sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
    assert environment_digest(plain) == f"e{digits}"
    assert environment_digest(dict(reversed(plain.items()))) == f"e{digits}"
    assert re.fullmatch("t[0-9a-f]{8}", training_digest(TRAINING))
    assert training_digest(TRAINING) != training_digest(resolve("lenet_digits", examples=1297, epochs=29))
