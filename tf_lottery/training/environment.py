"""What the bytes of a result depend on beside its spec: the machine, the versions, and what TensorFlow was told."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import numpy as np

from tf_lottery.cores import cores
from tf_lottery.lazy_tf import tf
from tf_lottery.training.compiler import onednn

# How Linux calls the instructions that vectorised sums are made of (arch/x86 and arch/arm64 of its source): kernels are
# chosen by them, and a virtual machine may hide some of a processor's.
_INSTRUCTIONS = ("avx", "amx", "fma", "f16c", "sse4", "asimd", "sve", "sme", "bf16", "i8mm")
# Which have TensorFlow, XLA, oneDNN or cuDNN take other kernels, other sums or other precisions. TF_ENABLE_ONEDNN_OPTS
# has an entry of its own.
_VARIABLES = (
    *("XLA_FLAGS", "TF_XLA_FLAGS", "TF_DETERMINISTIC_OPS", "TF_CUDNN_DETERMINISTIC", "TF_CUDNN_USE_AUTOTUNE"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "NVIDIA_TF32_OVERRIDE"),
    *("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"),
)


def environment(*, data: str, jit: bool) -> dict[str, str | int | bool]:
    """Return the environment record.

    Args:
        data: The digest of the examples.
        jit: Whether XLA compiles the steps.
    """
    device = tf.config.list_physical_devices("GPU")
    processor, instructions = _processor()
    return {
        "data": data,
        "device": tf.config.experimental.get_device_details(device[0])["device_name"] if device else processor,
        "instructions": instructions,
        "jit": jit,
        "numpy": np.__version__,
        "onednn": onednn(),
        "tensorflow": tf.__version__,
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or cores(),
        "variables": " ".join(f"{name}={os.environ[name]}" for name in _VARIABLES if os.environ.get(name)),
    }


def _processor() -> tuple[str, str]:
    """Return the processor's model, and its instructions that matter where Linux tells them."""
    try:
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    except OSError:
        lines = []
    told = {key.strip(): value.strip() for key, _, value in reversed(lines)}  # of the first core
    flags = sorted(set((told.get("flags") or told.get("Features") or "").split()))
    model = told.get("model name") or platform.processor() or platform.machine()
    return model, " ".join(flag for flag in flags if flag.startswith(_INSTRUCTIONS))
