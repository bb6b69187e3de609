"""
StableHLO, CHLO, TOSA and the named ops of `linalg`, in the text that their own tools print.

Of these dialects xDSL knows a few ops or none. Each op here is an `OwnSyntaxOp`: operands, results
and attributes are the IR's, and the words between them stay as they stand.

    %1 = stablehlo.broadcast_in_dim %0, dims = [1] : (tensor<8xf32>) -> tensor<2x8xf32>
    %2 = tosa.tanh %1 {pwl.range = [-4.0, 4.0]} : (tensor<2x8xf32>) -> tensor<2x8xf32>
"""

from lut_opt.dialects.foreign.linalg import elementwise_kind, named_linalg_class, softmax_axis
from lut_opt.dialects.foreign.ops import (
    ConstantOp,
    OwnSyntaxOp,
    foreign_number,
    is_foreign,
    is_opaque,
    own_syntax_class,
    unknown_syntax_class,
)
from lut_opt.dialects.foreign.words import WordAttr

__all__ = [
    "ConstantOp",
    "OwnSyntaxOp",
    "WordAttr",
    "elementwise_kind",
    "foreign_number",
    "is_foreign",
    "is_opaque",
    "named_linalg_class",
    "own_syntax_class",
    "softmax_axis",
    "unknown_syntax_class",
]
