"""Single faults in the code, made from its syntax: each changes one expression or drops one statement."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_COMPARISONS = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==", ast.Is: "is not",
    ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
_OPERATORS = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "*", ast.Mod: "//", ast.Pow: "*",
    ast.BitAnd: "|", ast.BitOr: "&", ast.LShift: ">>", ast.RShift: "<<",
}  # fmt: skip
_CALLS = {
    "min": "max", "max": "min", "any": "all", "all": "any", "floor": "ceil", "ceil": "floor", "sorted": "list",
    "median": "mean", "mean": "median", "zeros_like": "ones_like", "ones_like": "zeros_like", "argmax": "argmin",
    "first": "last", "sum": "max", "add": "discard", "greater": "less", "minimum": "maximum", "maximum": "minimum",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One fault: the text from `begin` to `end` of a file is replaced."""

    path: str  # of the file, from the root
    line: int
    begin: int
    end: int
    old: str
    new: str

    @property
    def name(self) -> str:
        """Eight hexadecimal digits that stay the same when lines move."""
        return hashlib.sha256(f"{self.path}\n{self.old}\n{self.new}\n{self._nth}".encode()).hexdigest()[:8]

    _nth: int = 0  # of those in the file that read alike

    def applied_to(self, text: str) -> str:
        """Return the file's text with the fault."""
        return text[: self.begin] + self.new + text[self.end :]

    def __str__(self) -> str:
        old, new = (" ".join(part.split())[:70] for part in (self.old, self.new))
        return f"{self.name}  {self.path}:{self.line}  {old}  ->  {new or 'nothing'}"


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """Return every single fault of a Python file, in the order of its lines."""
    text = path.read_text()
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    seen: dict[tuple[str, str], int] = {}
    found = []
    for node, new in _faults(ast.parse(text)):
        begin = len(text.encode()[: starts[node.lineno - 1] + node.col_offset].decode())
        end = len(text.encode()[: starts[node.end_lineno - 1] + node.end_col_offset].decode())
        old = text[begin:end]
        if isinstance(new, str) and new != old:
            nth = seen[old, new] = seen.get((old, new), -1) + 1
            where = str(path.relative_to(root))
            found.append(Mutant(where, node.lineno, begin, end, old, new, nth))
    return sorted(found, key=lambda mutant: (mutant.begin, mutant.new))


def _faults(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    for node in ast.walk(tree):
        if _tells_only(node, parents):
            continue
        yield from ((node, new) for new in _changed(node))


def _tells_only(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Return whether the node is a part of what is only told: messages, help, annotations, type checking."""
    child = node
    while node in parents:
        child, node = node, parents[node]
        if isinstance(node, ast.JoinedStr | ast.Raise | ast.Import | ast.ImportFrom):
            return True
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("logging.", "flags.DEFINE")):
            return True
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            return True
        if isinstance(node, ast.AnnAssign | ast.arg) and child is node.annotation:
            return True
        if isinstance(node, ast.FunctionDef) and (child is node.returns or child in node.decorator_list):
            return True
    return False


def _changed(node: ast.AST) -> Iterator[str]:
    yield from _CHANGES.get(type(node), lambda _: ())(node)


def _compare(node: ast.Compare) -> Iterator[str]:
    if len(node.ops) == 1:
        yield f"{_text(node.left)} {_COMPARISONS[type(node.ops[0])]} {_text(node.comparators[0])}"


def _binary(node: ast.BinOp) -> Iterator[str]:
    if type(node.op) in _OPERATORS:
        yield f"({_text(node.left)}) {_OPERATORS[type(node.op)]} ({_text(node.right)})"


def _boolean(node: ast.BoolOp) -> Iterator[str]:
    other = " or " if isinstance(node.op, ast.And) else " and "
    yield "(" + other.join(f"({_text(value)})" for value in node.values) + ")"
    yield f"({_text(node.values[0])})"


def _unary(node: ast.UnaryOp) -> Iterator[str]:
    if isinstance(node.op, ast.Not | ast.USub):
        yield f"({_text(node.operand)})"


def _choice(node: ast.IfExp) -> Iterator[str]:
    yield f"({_text(node.orelse)})"
    yield f"({_text(node.body)})"


def _constant(node: ast.Constant) -> Iterator[str]:
    if isinstance(node.value, bool):
        yield str(not node.value)
    elif isinstance(node.value, int | float):
        yield _text(ast.Constant(node.value + 1))


def _call(node: ast.Call) -> Iterator[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _CALLS:
        yield _text(node).replace(f"{name}(", f"{_CALLS[name]}(", 1)
    if len(node.args) >= 2 and not any(isinstance(argument, ast.Starred) for argument in node.args):
        yield _text(ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords))
    for place, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg not in ("strict", "encoding"):
            rest = [*node.keywords[:place], *node.keywords[place + 1 :]]
            yield _text(ast.Call(node.func, node.args, rest))


def _subscript(node: ast.Subscript) -> Iterator[str]:
    if isinstance(node.slice, ast.Slice):
        yield _text(node.value)


def _statement(node: ast.Expr) -> Iterator[str]:
    if isinstance(node.value, ast.Call):
        yield "pass"


def _return(node: ast.Return) -> Iterator[str]:
    if node.value is not None and _text(node.value) != "None":
        yield "return None"


def _augmented(node: ast.AugAssign) -> Iterator[str]:
    yield f"{_text(node.target)} = {_text(node.value)}"


def _if(node: ast.If) -> Iterator[str]:
    if not node.orelse:
        yield _text(ast.If(ast.Constant(False), node.body, [])).replace("\n", "\n" + " " * node.col_offset)


_text = ast.unparse
_CHANGES: dict[type[ast.AST], Callable[..., Iterable[str]]] = {
    ast.Compare: _compare, ast.BinOp: _binary, ast.BoolOp: _boolean, ast.UnaryOp: _unary, ast.IfExp: _choice,
    ast.Constant: _constant, ast.Call: _call, ast.Subscript: _subscript, ast.Expr: _statement, ast.Return: _return,
    ast.AugAssign: _augmented, ast.If: _if,
}  # fmt: skip
