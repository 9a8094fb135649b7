#!/usr/bin/env python3
"""Train, prune, retrain and compare: one experiment of "Comparing Rewinding and Fine-tuning in Neural Network Pruning".

python run_experiment.py --strategy=weight_rewind
"""

from tf_lottery.command.main import console

if __name__ == "__main__":
    console()
