import pytest

from tf_lottery.lookup import lookup, merge


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known():
    with pytest.raises(ValueError, match=r"unknown technique 'weight_rewnd'\. Did you mean 'weight_rewind'\?") as error:
        lookup("technique", {"weight_rewind": 1, "fine_tune": 2}, "weight_rewnd")
    assert "Known: fine_tune, weight_rewind" in str(error.value)


def test_a_name_that_two_files_define_is_refused():
    with pytest.raises(ValueError, match="network defined twice: a"):
        merge("network", {"a": 1}, {"a": 2})
