"""Settings that every test needs before TensorFlow is imported."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

from hypothesis import settings

# A machine that does other work at the same time must not fail a property for being slow.
settings.register_profile("default", deadline=None, max_examples=60)
settings.load_profile("default")
