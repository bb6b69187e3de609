"""Which dialects a run knows; each is loaded when the text first uses it."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.context import Context
from xdsl.dialects import get_all_dialects
from xdsl.dialects.builtin import UnregisteredAttr
from xdsl.ir import Attribute, Dialect, Operation, TypeAttribute

from lut_opt.dialects import DIALECTS
from lut_opt.dialects.assembly.resources import Resources
from lut_opt.dialects.foreign import is_foreign, is_opaque, named_linalg_class, own_syntax_class


class LutContext(Context):
    """
    A context that also knows every `torch.*` op, named in a list or not.

    Torch has far more operators than anybody would write down; one that nobody wrote down has the
    default form `torch.name %a, %b : T, U -> V`. The ops of StableHLO, CHLO, TOSA and `linalg` that
    xDSL does not know are read in their own syntax.
    """

    resources = Resources()
    """What the `dense_resource` handles of the text that was parsed last stand for."""

    def get_optional_op(
        self, name: str, *, dialect_stack: Sequence[str] = ()
    ) -> type[Operation] | None:
        if name.startswith("torch.") and name not in self._loaded_ops:
            from lut_opt.dialects.torch import torch_op_class

            self.get_optional_dialect("torch")
            if name not in self._loaded_ops:
                self.load_op(torch_op_class(name.removeprefix("torch.")))
        elif is_foreign(name):
            return own_syntax_class(name)
        elif name.startswith("linalg.") and self._get_known_op(name) is None:
            return named_linalg_class(name)
        return super().get_optional_op(name, dialect_stack=dialect_stack)

    def get_optional_attr(self, name: str) -> type[Attribute] | None:
        found = super().get_optional_attr(name)
        if found is None and is_opaque(name):
            found = UnregisteredAttr.with_name_and_type(name, False)
            self._loaded_attrs[name] = found
        return found

    def get_optional_type(self, name: str) -> type[TypeAttribute] | None:
        found = super().get_optional_type(name)
        if found is None and is_opaque(name):
            found = UnregisteredAttr.with_name_and_type(name, True)
            assert issubclass(found, TypeAttribute)
            self._loaded_types[name] = found
        return found

    def clone(self) -> LutContext:
        made = LutContext(
            self.allow_unregistered,
            self._loaded_dialects.copy(),
            self._loaded_ops.copy(),
            self._loaded_attrs.copy(),
            self._loaded_types.copy(),
            self._registered_dialects.copy(),
        )
        made.resources = self.resources
        return made


def resources_of(ctx: Context) -> Resources:
    """The data that came with the text; none in a context of another tool."""
    return ctx.resources if isinstance(ctx, LutContext) else Resources()


def _seq() -> Dialect:
    from lut_opt.dialects.memory import SEQ_WITH_MEMORY

    return SEQ_WITH_MEMORY


def _hw() -> Dialect:
    from lut_opt.dialects.wires import HW_WITH_WIRES

    return HW_WITH_WIRES


def context(*, allow_unregistered: bool = False) -> Context:
    """
    A fresh context: xDSL's dialects and ours, none of them loaded but `builtin`.

    `allow_unregistered` lets ops and types of unknown dialects pass through, in generic form.
    """
    ctx = LutContext(allow_unregistered)
    for name, factory in {**get_all_dialects(), **DIALECTS, "seq": _seq, "hw": _hw}.items():
        if not is_foreign(name):  # xDSL knows a few ops of TOSA, and asks more of them than MLIR
            ctx.register_dialect(name, factory)
    ctx.load_registered_dialect("builtin")
    return ctx
