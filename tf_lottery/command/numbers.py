"""Numbers of flags: written in plain digits, within bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_WHOLE = re.compile(r"[+-]?[0-9]+")
_REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, kw_only=True)
class Number:
    """What a flag's text must be; absl takes it for the flag's parser.

    absl's own take `nan`, `1_0` and digits of any script.
    """

    least: float
    most: float
    expected: str  # in words
    is_whole: bool = False
    syntactic_help: str = ""

    def parse(self, text: Any) -> Any:
        """Return the number.

        Raises:
            ValueError: It is none, or out of bounds; the message is what was expected.
        """
        pattern, kind = (_WHOLE, int) if self.is_whole else (_REAL, float)
        # int() refuses more than 4,300 digits with an advice for programmers.
        if pattern.fullmatch(str(text)) and len(str(text)) < 100:
            number = kind(text)
            if self.least <= number <= self.most:
                return number
        raise ValueError(f"expected {self.expected}.")

    def flag_type(self) -> str:
        """Return what absl calls the kind of flag."""
        return "number"
