"""Types of the `torch` dialect, in every spelling that torch-mlir prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AnyFloat,
    AnyTensorType,
    AnyUnrankedTensorType,
    ArrayAttr,
    ComplexType,
    IntAttr,
    IntegerType,
    NoneAttr,
    Signedness,
    StringAttr,
    TensorType,
    UnrankedTensorType,
    i1,
)
from xdsl.ir import Attribute, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.hints import isa

from lut_opt.dialects.quant import element_type

UNKNOWN_SIZE = -1
"""A size that is known at run time only, as PyTorch writes it; builtin tensors have another."""


class TorchTensorType(ParametrizedAttribute, TypeAttribute):
    """
    What the two tensor types share: a shape and an element type, either of which may be unknown.

    Spellings: `<[2,?],f32>`, `<[],si64>`, `<*,f32>`, `<[2],unk>`, and nothing at all.
    """

    sizes: ArrayAttr[IntAttr] | NoneAttr
    element: Attribute
    sparsity: Attribute

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Sizes, −1 for one that is known at run time only; None without even a rank."""
        if isinstance(self.sizes, NoneAttr):
            return None
        return tuple(size.data for size in self.sizes)

    @property
    def dtype(self) -> Attribute | None:
        """Element type (`f32`, `si64`, `i1`, …), or None if it is not known."""
        return None if isinstance(self.element, NoneAttr) else self.element

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        if parser.parse_optional_punctuation("<") is None:
            return NoneAttr(), NoneAttr(), NoneAttr()
        sizes: ArrayAttr[IntAttr] | NoneAttr = NoneAttr()
        if parser.parse_optional_punctuation("*") is None:
            sizes = ArrayAttr(
                parser.parse_comma_separated_list(
                    parser.Delimiter.SQUARE, lambda: IntAttr(_parse_size(parser))
                )
            )
        parser.parse_punctuation(",")
        dtype: Attribute = NoneAttr()
        if parser.parse_optional_keyword("unk") is None:
            dtype = parser.parse_type()
        sparsity: Attribute = NoneAttr()
        if parser.parse_optional_punctuation(",") is not None:
            sparsity = parser.parse_attribute()
        parser.parse_punctuation(">")
        return sizes, dtype, sparsity

    def print_parameters(self, printer: Printer) -> None:
        if self.shape is None and self.dtype is None:
            return
        with printer.in_angle_brackets():
            if self.shape is None:
                printer.print_string("*")
            else:
                sizes = ("?" if size == UNKNOWN_SIZE else str(size) for size in self.shape)
                printer.print_string(f"[{','.join(sizes)}]")
            printer.print_string(",")
            if self.dtype is None:
                printer.print_string("unk")
            else:
                printer.print_attribute(self.dtype)
            if not isinstance(self.sparsity, NoneAttr):
                printer.print_string(",")
                printer.print_attribute(self.sparsity)


def _parse_size(parser: AttrParser) -> int:
    if parser.parse_optional_punctuation("?") is not None:
        return UNKNOWN_SIZE
    return parser.parse_integer(allow_boolean=False, allow_negative=False)


def _sizes(shape: Iterable[int] | None) -> ArrayAttr[IntAttr] | NoneAttr:
    if shape is None:
        return NoneAttr()
    return ArrayAttr([IntAttr(max(size, UNKNOWN_SIZE)) for size in shape])


@irdl_attr_definition
class VTensorType(TorchTensorType):
    """A tensor with value semantics, `!torch.vtensor<[2,?],f32>`: nothing writes to it."""

    name = "torch.vtensor"

    def __init__(
        self,
        shape: Iterable[int] | None = None,
        dtype: Attribute | None = None,
        sparsity: Attribute | None = None,
    ):
        super().__init__(_sizes(shape), dtype or NoneAttr(), sparsity or NoneAttr())

    def to_builtin(self) -> TensorType[Attribute] | UnrankedTensorType[Attribute]:
        """
        The builtin tensor that `torch_c.to_builtin_tensor` makes: integers become signless.

        Example: `!torch.vtensor<[2,?],si64>` is `tensor<2x?xi64>`. Raises `ValueError` if the
        element type is unknown or has no builtin counterpart.
        """
        dtype = self.dtype
        if isa(dtype, IntegerType):
            dtype = IntegerType(dtype.width.data)
        if dtype is None or not isa(dtype, IntegerType | AnyFloat | ComplexType):
            raise ValueError(f"{self} has no builtin counterpart; it needs a known element type")
        if self.shape is None:
            return UnrankedTensorType(dtype)
        sizes = (DYNAMIC_INDEX if size == UNKNOWN_SIZE else size for size in self.shape)
        return TensorType(dtype, sizes, self.sparsity)

    @staticmethod
    def from_builtin(tensor: Attribute) -> VTensorType:
        """
        The type that `torch_c.from_builtin_tensor` makes of a builtin tensor: `i64` becomes `si64`.

        `i1` stays, for it is torch's bool; `ui8` stays, too.
        """
        if isa(tensor, AnyTensorType):
            sparsity = None if isinstance(tensor.encoding, NoneAttr) else tensor.encoding
            return VTensorType(tensor.get_shape(), _torch_dtype(tensor.element_type), sparsity)
        if isa(tensor, AnyUnrankedTensorType):
            return VTensorType(None, _torch_dtype(tensor.element_type))
        raise ValueError(f"{tensor} is not a tensor")


def _torch_dtype(element: Attribute) -> Attribute:
    if not isa(element, IntegerType) or element == i1:
        return element
    signless = element.signedness.data == Signedness.SIGNLESS
    return IntegerType(element.width.data, Signedness.SIGNED) if signless else element


@irdl_attr_definition
class NonValueTensorType(TorchTensorType):
    """A tensor that may be written to or alias another, `!torch.tensor<[2,?],f32>`."""

    name = "torch.tensor"

    def __init__(self, shape: Iterable[int] | None = None, dtype: Attribute | None = None):
        super().__init__(_sizes(shape), dtype or NoneAttr(), NoneAttr())


class SimpleType(ParametrizedAttribute, TypeAttribute):
    """A type without parameters: a scalar, a tag, an opaque object."""


def _simple(name: str) -> type[SimpleType]:
    fields = {"name": f"torch.{name}", "__doc__": f"Torch's type `!torch.{name}`."}
    return irdl_attr_definition(type(f"{name[0].upper()}{name[1:]}Type", (SimpleType,), fields))


AnyType = _simple("any")
BoolType = _simple("bool")
DeviceType = _simple("Device")
FloatType = _simple("float")
GeneratorType = _simple("Generator")
IntType = _simple("int")
LinearParamsType = _simple("LinearParams")
NoneType = _simple("none")
NumberType = _simple("number")
QInt8Type = _simple("qint8")
QInt16Type = _simple("qint16")
QInt32Type = _simple("qint32")
QUInt8Type = _simple("quint8")
StrType = _simple("str")


class ContainerType(ParametrizedAttribute, TypeAttribute):
    """A type made of others, which are written without their `!torch.`: `!torch.list<int>`."""

    types: ArrayAttr[Attribute]

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        return (
            ArrayAttr(
                parser.parse_comma_separated_list(
                    parser.Delimiter.ANGLE, lambda: _parse_inner(parser)
                )
            ),
        )

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_list(self.types, lambda inner: _print_inner(printer, inner))


class UnaryContainerType(ContainerType):
    """A container with one type inside."""

    @property
    def element(self) -> Attribute:
        """The type inside."""
        return self.types.data[0]

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            return (ArrayAttr([_parse_inner(parser)]),)


@irdl_attr_definition
class ListType(UnaryContainerType):
    """A list, `!torch.list<int>`."""

    name = "torch.list"

    def __init__(self, element: Attribute):
        super().__init__(ArrayAttr([element]))


@irdl_attr_definition
class OptionalType(UnaryContainerType):
    """A value or none, `!torch.optional<float>`."""

    name = "torch.optional"

    def __init__(self, element: Attribute):
        super().__init__(ArrayAttr([element]))


@irdl_attr_definition
class TupleType(ContainerType):
    """A tuple, `!torch.tuple<int, vtensor>`."""

    name = "torch.tuple"

    def __init__(self, *types: Attribute):
        super().__init__(ArrayAttr(types))


@irdl_attr_definition
class DictType(ContainerType):
    """A dictionary, `!torch.dict<str, int>`."""

    name = "torch.dict"

    def __init__(self, *types: Attribute):
        super().__init__(ArrayAttr(types))


@irdl_attr_definition
class UnionType(ContainerType):
    """One of several, `!torch.union<int, float>`."""

    name = "torch.union"

    def __init__(self, *types: Attribute):
        super().__init__(ArrayAttr(types))


@irdl_attr_definition
class NnModuleType(ParametrizedAttribute, TypeAttribute):
    """An instance of a module class, `!torch.nn.Module<"__torch__.Model">`."""

    name = "torch.nn.Module"

    class_name: StringAttr

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            return (StringAttr(parser.parse_str_literal()),)

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(self.class_name.data)


TYPES: list[type[Attribute]] = [
    AnyType,
    BoolType,
    DeviceType,
    DictType,
    FloatType,
    GeneratorType,
    IntType,
    LinearParamsType,
    ListType,
    NnModuleType,
    NonValueTensorType,
    NoneType,
    NumberType,
    OptionalType,
    QInt8Type,
    QInt16Type,
    QInt32Type,
    QUInt8Type,
    StrType,
    TupleType,
    UnionType,
    VTensorType,
]


def is_float(type_: Attribute) -> bool:
    """Whether a scalar is a float, or what a tensor of this or the builtin dialect holds."""
    element = type_.dtype if isinstance(type_, VTensorType) else element_type(type_)
    return isinstance(element, AnyFloat)


_BY_NAME: dict[str, type[Attribute]] = {type.name.removeprefix("torch."): type for type in TYPES}


def _parse_inner(parser: AttrParser) -> Attribute:
    """A type inside a container: `int` is `!torch.int`."""
    start = parser.pos
    name = parser.parse_identifier(" for a torch type")
    definition = _BY_NAME.get(name)
    if definition is None or not issubclass(definition, ParametrizedAttribute):
        parser.raise_error(f"{name} is not a torch type", start)
    return definition.new(definition.parse_parameters(parser))


def _print_inner(printer: Printer, inner: Attribute) -> None:
    """Print a torch type without its `!torch.`."""
    printer.print_string(inner.name.removeprefix("torch."))
    if isinstance(inner, ParametrizedAttribute):
        inner.print_parameters(printer)
