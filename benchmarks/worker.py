"""One contender in a process of its own, told over stdin when to run: a line a run."""

from __future__ import annotations

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.contenders import registry
from benchmarks.problem import Problem
from tf_lottery.lazy_tf import tf


def main(rows: str, name: str, problem: str, threads: str) -> None:
    """Answer each line "run" with the seconds that the problem's steps took, and the last one with what is to tell."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what frameworks print is no answer
    if int(threads):
        tf.config.threading.set_intra_op_parallelism_threads(int(threads))
        tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    fields = json.loads(problem)
    contender = getattr(registry, rows)[name].make(Problem(**fields | {"shape": tuple(fields["shape"])}))
    for line in sys.stdin:
        if line.strip() == "run":
            began = time.perf_counter()
            contender.run()
            answer: object = time.perf_counter() - began
        else:
            answer = {"masked_nonzero": contender.masked_nonzero()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
