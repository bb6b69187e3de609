"""Text to module and back: nothing is lost, and whatever is malformed is a ParseError."""

import random
from io import StringIO

import pytest
from xdsl.dialects.builtin import FloatAttr, UnknownLoc
from xdsl.ir import Operation
from xdsl.utils.exceptions import ParseError

from lut_opt.dialects.assembly import (
    context,
    describe_location,
    error_location,
    parse,
    print_program,
    write_program,
)

TAIL = """{-#
  dialect_resources: {
    builtin: {
      weights.0: "0x0400000000000080"
    }
  }
#-}"""

MODEL = (
    """\
#loc1 = loc("/lib/site-packages/torch/nn/linear.py":134:0)
#loc2 = loc("model.py":16:4)
module {
  // a comment with {-# in it
  func.func @main(%arg0: !torch.vtensor<[2,?],f32> loc(callsite(#loc1 at #loc2))) -> tensor<f32> {
    %0 = torch.vtensor.literal(dense_resource<weights.0> : tensor<1xf32>)
      : !torch.vtensor<[1],f32> loc(#loc2)
    %1 = torch.constant.str "{-#" loc(callsite(#loc1 at #loc2))
    %2 = torch.constant.none loc(#loc)
    %3 = arith.constant dense<0xFF800000> : tensor<f32>
    return %3 : tensor<f32> loc("named"(#loc2))
  } loc(fused<"tag">[#loc1, #loc2])
} loc(#loc)
#loc = loc(unknown)

"""
    + TAIL
    + "\n"
)


def round_trip(text: str, *, generic: bool = False, debuginfo: bool = False) -> str:
    """Print what was parsed; printing that again must not change it."""
    ctx = context()
    once = print_program(parse(text, "a.mlir", ctx), generic=generic, debuginfo=debuginfo)
    twice = print_program(parse(once, "a.mlir", ctx), generic=generic, debuginfo=debuginfo)
    assert once == twice
    return once


def operations(text: str) -> dict[str, Operation]:
    """The ops of a module by name."""
    return {op.name: op for op in parse(text, "a.mlir", context()).module.walk()}


@pytest.mark.parametrize("generic", [True, False])
@pytest.mark.parametrize("debuginfo", [True, False])
def test_round_trip(generic: bool, debuginfo: bool):
    text = round_trip(MODEL, generic=generic, debuginfo=debuginfo)
    assert text.endswith("\n\n" + TAIL + "\n")
    assert "dense_resource<weights.0>" in text
    assert ("loc(" in text) == debuginfo


def test_resources_are_kept_byte_for_byte_by_any_number_of_parses():
    ctx = context()
    for _ in range(3):
        program = parse(MODEL, "a.mlir", ctx)
        assert program.resources == TAIL
        stream = StringIO()
        write_program(program, stream)
        assert stream.getvalue().count("weights.0") == 2


def test_resource_handle_in_quotes():
    assert 'dense_resource<"a b">' in round_trip(
        '"builtin.module"() ({}) {x = dense_resource<"a b"> : tensor<1xf32>} : () -> ()'
    )


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        ("{-# dialect_resources: {", "no end"),
        ("{-# #-} module {}", "after the resource section"),
    ],
)
def test_malformed_resources(tail: str, message: str):
    with pytest.raises(ParseError, match=message) as caught:
        parse("module {}\n" + tail, "a.mlir", context())
    assert error_location(caught.value) == "a.mlir:2:1"


@pytest.mark.parametrize(
    "attribute",
    [
        "dense<0xFF800000> : tensor<f32>",
        "dense<[0x7FC00000, 1.0, 0x7F800000]> : tensor<3xf32>",
        "dense<0xFC00> : tensor<2xf16>",
        "dense<0xFF80> : tensor<bf16>",
        "dense<0xFFF0000000000000> : tensor<f64>",
        'dense<"0x000080FF0000803F"> : tensor<2xf32>',
        "dense<(1.0, 0x7F800000)> : tensor<complex<f32>>",
        "dense<0xFF> : tensor<2xi32>",
        "dense<true> : tensor<200xi1>",
        f"dense<[{', '.join(['true', 'false'] * 80)}]> : tensor<160xi1>",
        "array<f32: 0x7F800000, -2.5>",
        "0x7FC00000 : f32",
        "0xFF80 : bf16",
        '"a\\C3\\A9"',
        '"\\FF"',
    ],
)
def test_attributes_survive_as_upstream_reads_them(attribute: str):
    ir = pytest.importorskip("torch_mlir.ir", reason="needs torch-mlir's bindings")

    def generic(text: str) -> str:
        with ir.Context() as ctx:
            ctx.allow_unregistered_dialects = True
            return ir.Module.parse(text).operation.get_asm(print_generic_op_form=True)

    text = f"module attributes {{t.x = {attribute}}} {{}}"
    assert generic(round_trip(text)) == generic(text)


def test_minus_infinity_is_not_an_integer():
    (value,) = (
        parse('"builtin.module"() ({}) {x = array<f32: 0xFF800000>} : () -> ()', "a", context())
        .module.attributes["x"]
        .iter_attrs()  # pyright: ignore
    )
    assert isinstance(value, FloatAttr)
    assert value.value.data == float("-inf")


@pytest.mark.parametrize("generic", [True, False])
def test_unknown_properties_stay_unless_they_say_nothing(generic: bool):
    text = """
      func.func @f(%a: i32) {
        %0 = "arith.trunci"(%a) <{overflowFlags = #arith.overflow<none>}> : (i32) -> i8
        %1 = "arith.trunci"(%a) <{overflowFlags = #arith.overflow<nsw>}> : (i32) -> i8
        %2 = "arith.extui"(%a) <{nonNeg}> : (i32) -> i64
        func.return
      }"""
    program = parse(text, "a.mlir", context())
    program.module.verify()
    printed = round_trip(text, generic=generic)
    assert printed.count("overflowFlags") == 1
    assert printed.count("nonNeg") == 1


def test_locations():
    ops = operations(MODEL)
    assert describe_location(ops["torch.vtensor.literal"]) == "model.py:16:4"
    assert describe_location(ops["torch.constant.str"]) == "model.py:16:4", "the user's frame"
    assert describe_location(ops["func.return"]) == "model.py:16:4"
    assert describe_location(ops["func.func"]) == "model.py:16:4"
    assert describe_location(ops["arith.constant"]) == "a.mlir:10:5", "its own place in the text"
    assert isinstance(ops["torch.constant.none"].location, UnknownLoc), "said to be unknown"
    assert describe_location(ops["torch.constant.none"]) == "model.py:16:4", "that of the function"
    assert describe_location(ops["builtin.module"]) == "<unknown>"


def test_errors_have_a_place_and_no_other_type():
    with pytest.raises(ParseError) as caught:
        parse("module {\n  %0 = quant.qcast %x : f32 to\n}", "a.mlir", context())
    assert error_location(caught.value) == "a.mlir:3:1"
    with pytest.raises(ParseError, match=r"scale 0\.0") as caught:
        parse("\nfunc.func private @f() -> !quant.uniform<i8:f32, 0.0>", "a.mlir", context())
    assert error_location(caught.value).startswith("a.mlir:2:")
    with pytest.raises(ParseError, match="too many elements"):
        parse("module attributes {x = dense<0> : tensor<9999999999xi8>} {}", "a", context())
    with pytest.raises(ParseError):
        parse("module attributes {x = " + "[" * 100_000, "a", context())
    with pytest.raises(ParseError):
        parse('module attributes {x = "' + "a" * 10_000, "a", context())
    with pytest.raises(ParseError, match="not registered"):
        parse('"nobody.knows"() : () -> ()', "a", context())
    parse('"nobody.knows"() : () -> ()', "a", context(allow_unregistered=True))


def test_truncation_anywhere_is_a_parse_error():
    ctx = context()
    end = MODEL.index("} loc(#loc)")
    for length in range(7, end, 7):  # nothing at all is an empty module
        with pytest.raises(ParseError):
            parse(MODEL[:length], "a.mlir", ctx)


def test_random_edits_raise_nothing_but_parse_errors():
    rng = random.Random(0)
    ctx = context()
    for _ in range(300):
        letters = list(MODEL)
        for _ in range(rng.choice((1, 1, 2, 5))):
            place = rng.randrange(len(letters))
            letters[place] = rng.choice('0129afx<>(){}[]"\\#!%^@:,=?*-./ \n\té\x00')
        try:
            print_program(parse("".join(letters), "a.mlir", ctx))
        except ParseError:
            pass


def refused(text: str) -> str:
    """The place and the message of text that must not parse."""
    with pytest.raises(ParseError) as caught:
        parse(text, "a.mlir", context())
    return f"{error_location(caught.value)}: {caught.value.msg}"


DEBUG_INFO = """\
#loc2 = loc("x.py":1:2)
module {
  func.func @f(%x: f32 loc("x.py":1:2)) -> f32 {
    %0 = "math.exp"(%x) <{fastmath = #arith.fastmath<none>}> : (f32) -> f32 loc(#exp)
    return %0 : f32 loc(#loc5)
  } loc(#loc1)
} loc(#loc)
#loc = loc("x.py":0:0)
#loc1 = loc(fused[#loc2, #loc4])
#exp = loc("exp"(#loc3))
#loc3 = loc(callsite(#loc4 at #loc2))
#loc4 = loc("y.py":3:4)
#loc5 = loc("z.py":5:6)
"""


def test_locations_are_defined_after_what_uses_them():
    ops = operations(DEBUG_INFO)
    assert describe_location(ops["math.exp"]) == "y.py:3:4"
    assert describe_location(ops["func.return"]) == "z.py:5:6"
    assert describe_location(ops["func.func"]) == "x.py:1:2"
    assert describe_location(ops["builtin.module"]) == "x.py:0:0"
    round_trip(DEBUG_INFO, debuginfo=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("func.func @f() {\n  return loc(#a)\n}\n", "2:16: undefined symbol alias '#a'"),
        ("module {} loc(#a)\n#a = loc(#b)\n#b = loc(#a)\n", "3:10: location alias '#a' is part"),
        ("#a = loc(unknown)\n#a = loc(unknown)\nmodule {}", "2:4: re-declaration of alias '#a'"),
    ],
)
def test_location_aliases_that_lead_nowhere(text: str, message: str):
    assert refused(text).startswith(f"a.mlir:{message}")


def test_a_byte_order_mark_is_no_text():
    program = parse("\ufeffmodule {}", "a.mlir", context())
    assert print_program(program) == "builtin.module {\n}\n"


@pytest.mark.parametrize(
    "type",
    ["complex<f32>", "tensor<2xcomplex<f64>>", "f8E4M3FN", "f8E5M2", "f4E2M1FN", "tensor<2xf80>",
     "f128", "tf32", "tensor<*xf32>", "memref<*xf32>", "vector<[4]xf32>"],
)  # fmt: skip
def test_types_that_no_table_knows_pass_through(type: str):
    text = round_trip(f"func.func @f(%x: {type}) -> {type} {{ return %x : {type} }}")
    assert text.count(type) == 3


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("1.0 : f80", "constants of more than 64 bits are not supported: make them f64"),
        ("0x3FFF8000000000000000 : f80", "constants of more than 64 bits"),
        ("dense<1.0> : tensor<2xf128>", "constants of more than 64 bits"),
        ("array<f80: 1.0>", "constants of more than 64 bits"),
        ("0x123456789 : f32", "more bits than its type has"),
    ],
)
def test_constants_without_a_python_number_are_named(attribute: str, message: str):
    text = refused(f"module attributes {{\n  x = {attribute}\n}} {{}}")
    assert text.startswith("a.mlir:2:")
    assert message in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%0 = myhlo.tanh %x : f32", "18: Operation myhlo.tanh is not registered: print "
         "the text in generic form (--mlir-print-op-generic) and pass --allow-unregistered-dialect "
         "to leave it as it is, or lower it first"),
        ('%0 = "my.tanh"(%x) : (f32) -> f32', "19: Operation my.tanh is not registered: pass "
         "--allow-unregistered-dialect to leave it as it is, or lower it first"),
        ("%0 = memref.global %x", "18: Operation memref.global has a syntax that only its own "
         "dialect knows: print the text in generic form (--mlir-print-op-generic), or lower it"),
        ("stablehlo.while(%i = %x) : f32 cond {", "28: the regions of stablehlo.while are read in "
         "generic form only: print the text with --mlir-print-op-generic"),
        ("%0 = stablehlo.add %x, %x : f32, f32, f32", "41: stablehlo.add has 2 operands and 3 "
         "types"),
        ("%0 = tosa.tanh %x", "28: expected the types of the op, after a ':'"),
        ("%0 = ub.poison : !my.type", "31: 'my.type' is not registered: pass --allow-unregistered"),
        ("%0 = math.exp %y : tensor<*xf32>", "13: math.exp does not take tensor<*xf32>: give it a "
         "rank"),
        ("%0 = math.exp %z : complex<f32>", "13: math.exp does not take complex<f32>: write the "
         "real and the imaginary part apart"),
    ],
)  # fmt: skip
def test_what_is_unknown_is_named_with_what_to_do(text: str, message: str):
    arguments = "%x: f32, %y: tensor<*xf32>, %z: complex<f32>"
    found = refused(f"func.func @f({arguments}) {{\n            {text}\n  return\n}}")
    assert found.startswith(f"a.mlir:2:{message}")


def test_unknown_ops_pass_through_in_generic_form():
    text = """
      func.func @f(%x: tensor<2xf32>) -> !my.type<[1, 2]> {
        %0:2 = "my.op"(%x) <{a = #my.attr<"b">}> ({
        ^bb0(%y: f32):
          "my.yield"(%y) : (f32) -> ()
        }) {c = 1 : i8} : (tensor<2xf32>) -> (tensor<2xf32>, !my.type<[1, 2]>)
        return %0#1 : !my.type<[1, 2]>
      }"""
    ctx = context(allow_unregistered=True)
    printed = print_program(parse(text, "a.mlir", ctx))
    assert '"my.op"(%x) <{a = #my.attr<"b">}> ({' in printed
    assert printed == print_program(parse(printed, "a.mlir", ctx))
    custom = "func.func @f(%x: f32) {\n  %0 = my.op %x : f32\n  return\n}"
    with pytest.raises(ParseError, match="has a syntax that only its own dialect knows"):
        parse(custom, "a.mlir", ctx)
