"""Composite torch ops, opened or raised, still compute what PyTorch computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from lut_opt.dialects.assembly import context, parse
from lut_opt.passes.decompose.composites import expand_composites
from lut_opt.passes.recognize.written_out import raise_units

jit = pytest.importorskip("lut_opt.backends.jit")
pytest.importorskip("torch_mlir")
torch: Any = pytest.importorskip("torch")
F = torch.nn.functional

CONSTANTS = """
  %none = torch.constant.none
  %true = torch.constant.bool true
  %false = torch.constant.bool false
  %m1 = torch.constant.int -1
  %i0 = torch.constant.int 0
  %i1 = torch.constant.int 1
  %i2 = torch.constant.int 2
  %f0 = torch.constant.float 0.0
  %eps = torch.constant.float 1.0e-05
  %last = torch.prim.ListConstruct %m1 : (!torch.int) -> !torch.list<int>
"""


@dataclass(frozen=True)
class Case:
    """A function of f32 tensors in the torch dialect, and what PyTorch makes of it."""

    shapes: tuple[tuple[int, ...], ...]
    result: tuple[int, ...]
    body: str
    expected: Callable[..., Any]
    unit: str
    """The whole op that must be there afterwards."""


def vtensor(shape: tuple[int, ...], dtype: str = "f32") -> str:
    return f"!torch.vtensor<[{','.join(map(str, shape))}],{dtype}>"


Q, K, MASK = (2, 4, 5, 8), (2, 2, 7, 8), (5, 7)
ATTENTION = "torch.aten.scaled_dot_product_attention"


def attention(mask: str, causal: str, groups: str, kinds: tuple[str, ...]) -> str:
    types = ", ".join((*kinds, "!torch.float", "!torch.bool", "!torch.none", "!torch.bool"))
    values = f"%a0, %a1, %a2, {mask}, %f0, {causal}, %none, {groups}"
    return f"%y = {ATTENTION} {values} : {types} -> RESULT"


CASES = {
    "attention": Case(
        (Q, (2, 4, 7, 8), (2, 4, 7, 6)),
        (2, 4, 5, 6),
        attention(
            "%none",
            "%false",
            "%false",
            (vtensor(Q), vtensor((2, 4, 7, 8)), vtensor((2, 4, 7, 6)), "!torch.none"),
        ),
        F.scaled_dot_product_attention,
        "softmax.int",
    ),
    "attention_grouped_masked": Case(
        (Q, K, K, MASK),
        Q,
        attention("%a3", "%false", "%true", (vtensor(Q), vtensor(K), vtensor(K), vtensor(MASK))),
        lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, enable_gqa=True),
        "softmax.int",
    ),
    "attention_causal": Case(
        (Q, Q, Q),
        Q,
        attention("%none", "%true", "%false", (vtensor(Q),) * 3 + ("!torch.none",)),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        "softmax.int",
    ),
    "glu": Case(
        ((3, 8, 2),),
        (3, 4, 2),
        f"%y = torch.aten.glu %a0, %i1 : {vtensor((3, 8, 2))}, !torch.int -> RESULT",
        lambda x: F.glu(x, 1),
        "sigmoid",
    ),
    "group_norm": Case(
        ((3, 8, 2, 5), (8,), (8,)),
        (3, 8, 2, 5),
        f"%y = torch.aten.group_norm %a0, %i2, %a1, %a2, %eps, %false : {vtensor((3, 8, 2, 5))}, "
        f"!torch.int, {vtensor((8,))}, {vtensor((8,))}, !torch.float, !torch.bool -> RESULT",
        lambda x, w, b: F.group_norm(x, 2, w, b),
        "layer_norm",
    ),
    "batch_norm": Case(
        ((3, 2, 5),),
        (3, 2, 5),
        "%mean = torch.vtensor.literal(dense<[0.5, -1.0]> : tensor<2xf32>) : "
        f"{vtensor((2,))}\n"
        "%var = torch.vtensor.literal(dense<[4.0, 0.25]> : tensor<2xf32>) : "
        f"{vtensor((2,))}\n"
        f"%y = torch.aten.batch_norm %a0, %none, %mean, %mean, %var, %false, %f0, %eps, %false : "
        f"{vtensor((3, 2, 5))}, !torch.none, {vtensor((2,))}, {vtensor((2,))}, {vtensor((2,))}, "
        "!torch.bool, !torch.float, !torch.float, !torch.bool -> RESULT",
        lambda x: F.batch_norm(
            x,
            torch.tensor([0.5, -1.0]),
            torch.tensor([4.0, 0.25]),
            None,
            torch.tensor([0.5, -1.0]),
        ),
        "mul.Tensor",
    ),
    "written_layer_norm": Case(
        ((3, 6),),
        (3, 6),
        "%mu = torch.aten.mean.dim %a0, %last, %true, %none : T, !torch.list<int>, !torch.bool, "
        "!torch.none -> R\n"
        "%c = torch.aten.sub.Tensor %a0, %mu, %i1 : T, R, !torch.int -> T\n"
        "%s = torch.aten.pow.Tensor_Scalar %c, %i2 : T, !torch.int -> T\n"
        "%v = torch.aten.mean.dim %s, %last, %true, %none : T, !torch.list<int>, !torch.bool, "
        "!torch.none -> R\n"
        "%e = torch.aten.add.Scalar %v, %eps, %i1 : R, !torch.float, !torch.int -> R\n"
        "%r = torch.aten.sqrt %e : R -> R\n"
        "%y = torch.aten.div.Tensor %c, %r : T, R -> RESULT",
        lambda x: F.layer_norm(x, (6,)),
        "rms_norm",
    ),
    "written_layer_norm_of_a_variance": Case(
        ((6, 3),),
        (6, 3),
        "%first = torch.prim.ListConstruct %i0 : (!torch.int) -> !torch.list<int>\n"
        "%mu = torch.aten.mean.dim %a0, %first, %true, %none : T, !torch.list<int>, !torch.bool, "
        "!torch.none -> Z\n"
        "%c = torch.aten.sub.Tensor %a0, %mu, %i1 : T, Z, !torch.int -> T\n"
        "%v = torch.aten.var.correction %a0, %first, %i1, %true : T, !torch.list<int>, !torch.int, "
        "!torch.bool -> Z\n"
        "%e = torch.aten.add.Scalar %v, %eps, %i1 : Z, !torch.float, !torch.int -> Z\n"
        "%r = torch.aten.rsqrt %e : Z -> Z\n"
        "%y = torch.aten.mul.Tensor %c, %r : T, Z -> RESULT",
        lambda x: (x - x.mean(0)) / torch.sqrt(x.var(0) + 1e-5),
        "rms_norm",
    ),
    "l2_normalize": Case(
        ((3, 6),),
        (3, 6),
        "%floor = torch.constant.float 1.0e-12\n"
        "%n = torch.aten.linalg_vector_norm %a0, %i2, %last, %true, %none : T, !torch.int, "
        "!torch.list<int>, !torch.bool, !torch.none -> R\n"
        "%c = torch.aten.clamp_min %n, %floor : R, !torch.float -> R\n"
        "%e = torch.aten.expand_as %c, %a0 : R, T -> T\n"
        "%y = torch.aten.div.Tensor %a0, %e : T, T -> RESULT",
        lambda x: F.normalize(x, dim=-1),
        "rms_norm",
    ),
    "written_softmax": Case(
        ((3, 6),),
        (3, 6),
        "%m = torch.aten.amax %a0, %last, %true : T, !torch.list<int>, !torch.bool -> R\n"
        "%d = torch.aten.sub.Tensor %a0, %m, %i1 : T, R, !torch.int -> T\n"
        "%e = torch.aten.exp %d : T -> T\n"
        "%s = torch.aten.sum.dim_IntList %e, %last, %true, %none : T, !torch.list<int>, "
        "!torch.bool, !torch.none -> R\n"
        "%y = torch.aten.div.Tensor %e, %s : T, R -> RESULT",
        lambda x: F.softmax(x, -1),
        "softmax.int",
    ),
}


def program(case: Case) -> Any:
    arguments = ", ".join(f"%a{i}: {vtensor(shape)}" for i, shape in enumerate(case.shapes))
    body = case.body.replace("RESULT", vtensor(case.result))
    first = case.shapes[0]
    names = {"T": first, "R": (*first[:-1], 1), "Z": (1, *first[1:])}
    for name, shape in names.items():
        for before, after in ((": ", ","), (": ", " "), (", ", " "), (", ", ","), ("-> ", "\n")):
            body = body.replace(f"{before}{name}{after}", f"{before}{vtensor(shape)}{after}")
    text = (
        f"func.func @main({arguments}) -> {vtensor(case.result)} {{{CONSTANTS}{body}\n"
        f"func.return %y : {vtensor(case.result)}\n}}"
    )
    return parse(text, "composite.mlir", context())


@pytest.mark.parametrize("name", CASES)
def test_opened_or_raised(name: str) -> None:
    """With nothing approximated yet, so any difference is one of the rewriting."""
    case = CASES[name]
    made = program(case)
    expand_composites(made.module, ())
    raise_units(made.module, ())
    made.module.verify()
    assert f"torch.aten.{case.unit}" in {op.name for op in made.module.walk()}
    rng = np.random.default_rng(0)
    arrays = [rng.normal(0, 1, shape).astype(np.float32) for shape in case.shapes]
    expected = case.expected(*map(torch.from_numpy, arrays)).numpy()
    actual = jit.compile(made, opt_level=1)(*arrays)
    np.testing.assert_allclose(actual, expected, rtol=2e-5, atol=2e-6)
