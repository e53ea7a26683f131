"""An attack's name and parameters as text that cannot run anything."""

import ast
import math

from pixelproof.errors import InputError

#: Names and values of parameters, in the order typed.
Parameters = tuple[tuple[str, object], ...]


def parse_call(text: str, spec: str) -> tuple[str, Parameters]:
    """The name and the parameters in ``text``: ``NAME`` or ``NAME(parameter=value, …)``.

    Values are Python literals, ``inf``, and quotients of numbers such as ``8/255``. Raises ``InputError``, quoting
    ``spec``, for anything else.
    """
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            return call.id, ()
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
            return call.func.id, _parameters(call.keywords)
        raise ValueError
    except (SyntaxError, ValueError, TypeError, ZeroDivisionError) as error:
        raise InputError(
            f"{spec!r} cannot be read; expected LIBRARY:ATTACK(name=value, …) with each name at most once, and as "
            "values numbers, quotients such as 8/255, inf, True, False, None or quoted text."
        ) from error


def format_call(name: str, parameters: Parameters) -> str:
    """The text that ``parse_call`` reads as ``name`` and ``parameters``."""
    return f"{name}({','.join(f'{each}={value!r}' for each, value in parameters)})"


def _parameters(keywords: list[ast.keyword]) -> Parameters:
    values: dict[str, object] = {}
    for each in keywords:
        if each.arg is None or each.arg in values:  # **mapping, or a name that comes twice
            raise ValueError
        values[each.arg] = _value(each.value)
    return tuple(values.items())


def _value(node: ast.expr) -> object:
    value: object = ast.literal_eval(_Numbers().visit(node))
    return value


class _Numbers(ast.NodeTransformer):
    """Puts numbers in place of ``inf`` and of quotients, which are no literals."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(math.inf) if node.id == "inf" else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        if not isinstance(node.op, ast.Div):
            return node
        above, below = _value(node.left), _value(node.right)
        if not isinstance(above, int | float) or not isinstance(below, int | float):
            raise ValueError
        return ast.Constant(above / below)
