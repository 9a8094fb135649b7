from dataclasses import asdict, dataclass, replace

from tf_lottery.plain import later, plain


@dataclass(frozen=True)
class Inner:
    rate: float
    warm_up: int = later(0)


@dataclass(frozen=True)
class Outer:
    inner: Inner
    names: tuple[str, ...] = ()
    momentum: str = later("constant")


OLD = Outer(Inner(0.1), ("a", "b"))


def test_a_field_that_came_later_is_left_out_at_its_default_only():
    assert plain(OLD) == {"inner": {"rate": 0.1}, "names": ("a", "b")}
    assert plain(replace(OLD, momentum="cyclic"))["momentum"] == "cyclic"
    assert plain(replace(OLD, inner=Inner(0.1, 5)))["inner"] == {"rate": 0.1, "warm_up": 5}


def test_a_field_that_was_there_from_the_start_is_told_at_its_default():
    assert plain(Outer(Inner(0.1)))["names"] == ()


def test_beside_later_fields_it_is_what_dataclasses_say():
    everything = Outer(Inner(0.2, 1), ("a",), "cyclic")
    assert plain(everything) == asdict(everything)
