from pathlib import Path

import pytest

from tf_lottery.training import environment as module
from tf_lottery.training.environment import environment

X86 = """processor\t: 0
model name\t: AMD EPYC 7B13 64-Core Processor
flags\t\t: fpu sse sse2 ssse3 fma sse4_1 avx f16c bmi1 avx2 avx512f amx_tile

processor\t: 1
model name\t: another one
flags\t\t: fpu
"""
ARM = "processor\t: 0\nFeatures\t: fp asimd evtstrm aes sve bf16 i8mm\nCPU architecture: 8\n"


@pytest.mark.parametrize(
    ("text", "model", "instructions"),
    [
        (X86, "AMD EPYC 7B13 64-Core Processor", "amx_tile avx avx2 avx512f f16c fma sse4_1"),
        (ARM, None, "asimd bf16 i8mm sve"),
        ("", None, ""),
    ],
    ids=["x86", "arm", "none"],
)
def test_the_processor_is_told_with_the_instructions_that_sums_are_made_of(
    tmp_path, monkeypatch, text, model, instructions
):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(module, "Path", lambda _: tmp_path / "cpuinfo")
    found = environment(data="0a1b2c3d", jit=True)
    assert found["instructions"] == instructions
    assert model is None or found["device"] == model
    assert (found["data"], found["jit"]) == ("0a1b2c3d", True)


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="only Linux tells")
def test_this_machines_instructions_are_those_that_linux_tells():
    flags = set(Path("/proc/cpuinfo").read_text().split())
    assert set(environment(data="", jit=True)["instructions"].split()) <= flags


@pytest.mark.parametrize(
    "name",
    ["XLA_FLAGS", "TF_XLA_FLAGS", "TF_DETERMINISTIC_OPS", "TF_NUM_INTRAOP_THREADS", "ONEDNN_MAX_CPU_ISA",
     "ONEDNN_DEFAULT_FPMATH_MODE", "NVIDIA_TF32_OVERRIDE"],
)  # fmt: skip
def test_what_makes_tensorflow_take_other_kernels_is_told_where_it_is_set(name, monkeypatch):
    before = environment(data="", jit=True)
    monkeypatch.setenv(name, "--some=value")
    after = environment(data="", jit=True)
    assert f"{name}=--some=value" in after["variables"].split()
    assert {key for key in after if after[key] != before[key]} == {"variables"}
    monkeypatch.setenv(name, "")
    assert f"{name}=" not in environment(data="", jit=True)["variables"]


def test_onednn_is_told_as_it_was_asked_for(monkeypatch):
    for value in ("0", "1"):
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", value)
        assert environment(data="", jit=True)["onednn"] == value
