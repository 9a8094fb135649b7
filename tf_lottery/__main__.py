"""`python -m tf_lottery`: the command."""

from tf_lottery.command.console import console

if __name__ == "__main__":
    console()
