"""Jinja for templates that come with models: they reach nothing outside, and come to an end.

Each pass of a loop and each call of a macro is counted, and what would make a value too large is
refused before it is made. Both limits are far above what a conversation needs, and depend on no
clock: a template that is refused once is refused always.
"""

import ast
import re
from collections.abc import Callable, Sized
from functools import wraps
from math import prod
from types import CodeType
from typing import Any

import jinja2
import jinja2.ext
import jinja2.sandbox
from jinja2 import filters
from jinja2.nodes import EvalContext
from jinja2.runtime import Context

STEPS = 2_000_000
"""Passes of loops and calls of macros while one prompt is rendered."""

SIZE = 50_000_000
"""Characters of a prompt, and of any value on the way to it."""

_WORK = 1_000_000_000
"""What one call may have to do: the product of the sizes of what it is given."""

_WIDE = re.compile(r"\d{6}")
_POWER = 1000
_ITEM = 50
"""Characters that an item of a list counts as."""
_SURROUNDINGS = (Context, EvalContext, jinja2.Environment)


class TooMuch(Exception):
    """A template does more than a prompt can need."""


class Sandbox(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """Compiles templates whose steps are counted."""

    intercepted_binops = frozenset(["*", "**", "%", "+"])

    def __init__(self) -> None:
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
        self.globals.pop("lipsum")
        self.filters.update({name: _bounded(made) for name, made in self.filters.items()})

    def rendered(self, template: jinja2.Template, variables: dict[str, Any]) -> str:
        """The template's text. Raises TooMuch, or what Jinja raises."""
        left = STEPS

        def step() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise TooMuch(f"it is not done after {STEPS:,} steps")

        pieces, size = [], 0
        try:
            for piece in template.generate(variables | {_STEP: step}):
                pieces.append(piece)
                size += len(piece)
                _fits(size)
        except RecursionError as error:
            raise TooMuch("it calls itself again and again") from error
        return "".join(pieces)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """A call in a template; of a method of a text as well."""
        value = getattr(getattr(obj, "__wrapped__", obj), "__self__", None)
        if isinstance(value, str | list):
            _affordable(value, *args, *kwargs.values())
            if isinstance(value, str) and obj.__name__.startswith("format"):
                _narrow(value)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """An operation on two values."""
        if operator == "**" and max(abs(left), abs(right)) > _POWER:
            raise TooMuch(f"it reckons with {operator}")
        if operator == "*" and isinstance(left, Sized) != isinstance(right, Sized):
            _fits(_size(left) * _size(right))
        if operator == "%" and isinstance(left, str):
            _narrow(left)
        if operator == "+":
            _fits(_size(left) + _size(right))
        return super().call_binop(context, operator, left, right)

    def sized(self, text: str) -> str:
        """A text that was joined, unless it is too long."""
        _fits(len(text))
        return text

    def _compile(self, source: str, filename: str) -> CodeType:
        """Jinja's hook for the Python code that it has made of a template."""
        counted = _Counted().visit(ast.parse(source, filename))
        return compile(ast.fix_missing_locations(counted), filename, "exec")


_STEP = "slmtape_step"
_JOINING = ("str_join", "markup_join", "concat")
"""What joins texts, by its name in the code that Jinja makes."""


class _Counted(ast.NodeTransformer):
    """Puts a step into each loop and function, and a look at the size around each joined text."""

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body.insert(0, ast.parse(f"context.parent[{_STEP!r}]()").body[0])
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if node.name == "macro":
            node.body.insert(0, ast.parse(f"context.parent[{_STEP!r}]()").body[0])
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in (
            "str_join",
            "markup_join",
            "concat",
        ):
            sized = ast.Attribute(ast.Name("environment", ast.Load()), "sized", ast.Load())
            return ast.Call(sized, [node], [])
        return node


def _bounded(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that refuses what would take too much. Jinja reads how to call it in its marks."""

    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        given = [one for one in args if not isinstance(one, _SURROUNDINGS)]
        _affordable(*given, *kwargs.values())
        if function is filters.do_format:
            _narrow(str(given[0]))
        return function(*args, **kwargs)

    return bounded


def _affordable(value: Any, *parameters: Any) -> None:
    """Refuse what a text or list would become with these parameters, if it may be too large."""
    if any(isinstance(one, int) and abs(one) > SIZE for one in parameters):
        raise TooMuch("it makes values that are too large")
    texts = (one for one in (value, *parameters) if isinstance(one, str | list | tuple))
    widths = (one for one in parameters if isinstance(one, int))
    if prod(max(1, _size(one)) for one in (*texts, *widths)) > _WORK:
        raise TooMuch("it makes values that are too large")


def _narrow(form: str) -> None:
    if _WIDE.search(form):
        raise TooMuch("it formats texts of a great width")


def _fits(size: int) -> None:
    if size > SIZE:
        raise TooMuch(f"it makes values of more than {SIZE:,} characters")


def _size(value: Any) -> int:
    if isinstance(value, int):
        return abs(value)
    if isinstance(value, list | tuple):
        return sum(_ITEM + (len(one) if isinstance(one, str) else 0) for one in value)
    return len(value) if isinstance(value, Sized) else 1
