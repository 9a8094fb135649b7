#!/usr/bin/env python3
"""Train, prune, retrain and compare: one experiment of "Comparing Rewinding and Fine-tuning in Neural Network Pruning".

python run_experiment.py --strategy=weight_rewind
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback of a Ctrl-C during the import

from tf_lottery.command.console import console

if __name__ == "__main__":
    console()
