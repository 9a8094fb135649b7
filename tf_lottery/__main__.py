"""`python -m tf_lottery`: the command."""

from tf_lottery.command.main import console

if __name__ == "__main__":
    console()
