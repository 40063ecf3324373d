"""The checker that executes annotations in tests: as static checkers do, it takes an int where a float stands."""

import ast

from beartype import BeartypeConf, beartype
from jaxtyping import _import_hook

check = beartype(conf=BeartypeConf(is_pep484_tower=True))


class Decorator(_import_hook.JaxtypingTransformer):
    """Decorates all functions but those inside others that name no array: each call would make them anew, in ms."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        inside = any(isinstance(parent, ast.FunctionDef) for parent in self._parents)
        plain = inside and not any(map(_names_an_array, [*ast.walk(node.args), node.returns]))
        self._no_type_check_level += plain
        super().visit_FunctionDef(node)
        self._no_type_check_level -= plain
        return node


def _names_an_array(part: ast.AST | None) -> bool:
    """Whether an annotation holds axes, as in Float[Array, "sample channel"]."""
    annotation = part.annotation if isinstance(part, ast.arg) else part
    return annotation is not None and any(
        isinstance(inner, ast.Subscript) and isinstance(inner.slice, ast.Tuple)
        and isinstance(inner.slice.elts[-1], ast.Constant)
        for inner in ast.walk(annotation)
    )  # fmt: skip


_import_hook.JaxtypingTransformer = Decorator
