"""Every field of every kind of hardware unit is checked when it is read from text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lut_opt import cli
from lut_opt.dialects.pwl.hardware import UNIT_ATTRIBUTES
from lut_opt.dialects.pwl.hardware.fields import codecs

TABLE = (
    "#pwl.table<i8, breakpoints = [-30, 7], slopes = [0, 12, 64], intercepts = [0, 5, 0], "
    "intercept_shift = 4, result_shift = 6>"
)
FIT = (
    "#pwl.fit<optimal, form = seed, metric = mse, seed = 0, entries = 3, points = 256, "
    "mse = 1.0e-03, max_error = 1.0, exact = 9.0e-01>"
)
RSQRT = (
    "#pwl.table<i16, breakpoints = [900], slopes = [-38, -16], intercepts = [5300, 4000], "
    "intercept_shift = 4>"
)
ELEMENTS = f"""
!q = !quant.uniform<i8:f32, 6.250000e-02>
func.func @f(%x: !q) -> (!q, !q) {{
  %y = pwl.apply #pwl.fn<gelu> %x table {TABLE} fit {FIT} : !q -> !q
  %z = pwl.apply #pwl.fn<leaky_relu, 1.000000e-02> %x table {TABLE} fit {FIT} : !q -> !q
  func.return %y, %z : !q, !q
}}
"""
REDUCED = f"""
!w = !quant.uniform<u16:f32, 9.765625e-04>
func.func @f(%x: !w) -> !w {{
  %y = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.leading_zero<table_bits = 9> table {RSQRT} : !w -> !w
  func.return %y : !w
}}
"""
ROWS = f"""
!x = !quant.uniform<i16:f32, 6.250000e-02>
!g = !quant.uniform<i16:f32, 1.220703125e-04>
func.func @f(%a: tensor<2x16x!x>, %g: tensor<16x!g>) {{
  %y = pwl.layer_norm %a gamma %g : tensor<16x!g> {{epsilon = 1.0e-05, normalized = 1 : i64,
    rsqrt = {RSQRT}, rsqrt_fit = {FIT}}} : tensor<2x16x!x> -> tensor<2x16x!x>
  func.return
}}
"""
NORMS = f"""
!x = !quant.uniform<i16:f32, 6.250000e-02>
!z = !quant.uniform<i16:f32, 2.500000e-01>
!g = !quant.uniform<i16:f32, 1.220703125e-04>
func.func @f(%a: tensor<2x16x!x>, %b: tensor<2x16x!z>, %g: tensor<16x!g>) {{
  %y = pwl.layer_norm %a gamma %g : tensor<16x!g> {{epsilon = 1.0e-05, normalized = 1 : i64,
    rsqrt = {RSQRT}, rsqrt_fit = {FIT}}} : tensor<2x16x!x> -> tensor<2x16x!x>
  %z = pwl.layer_norm %b gamma %g : tensor<16x!g> {{epsilon = 1.0e-05, normalized = 1 : i64,
    rsqrt = {RSQRT}, rsqrt_fit = {FIT}}} : tensor<2x16x!z> -> tensor<2x16x!x>
  func.return
}}
"""
SOFTMAX = """
!x = !quant.uniform<i16:f32, 6.250000e-02>
!y = !quant.uniform<u8:f32, 3.906250e-03>
func.func @f(%a: tensor<2x16x!x>) {
  %0 = pwl.softmax %a {axis = 1 : i64, clip = -255 : i64, exp_fraction = 12 : i64,
    exp = #pwl.table<i16, breakpoints = [-64, -16], slopes = [0, 16, 200],
      intercepts = [0, 1152, 4096]>,
    reciprocal = #pwl.table<i16, breakpoints = [], slopes = [-32], intercepts = [12288],
      intercept_shift = 3>} : tensor<2x16x!x> -> tensor<2x16x!y>
  func.return
}
"""

DIVISION = f"""
!a = !quant.uniform<i8:f32, 6.250000e-02>
!b = !quant.uniform<u12:f32, 3.125000e-02>
func.func @f(%a: !a, %b: !b) -> !a {{
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9>
    {{reciprocal = {RSQRT}, reciprocal_fit = {FIT}}} : !a, !b -> !a
  func.return %y : !a
}}
"""

PROGRAMS = {
    "table": (ELEMENTS, "pipeline=2"),
    "reduced": (REDUCED, "pipeline=1"),
    "select": (ELEMENTS, "unit=multi pipeline=1"),
    "programmable": (ELEMENTS, "unit=programmable pipeline=1 interface=stream"),
    "float": (ELEMENTS, "unit=programmable number-format=float32"),
    "stream": (ELEMENTS, "interface=stream pipeline=1"),
    "enabled": (ELEMENTS, "interface=stream pipeline=1 target=fpga"),
    "enabled select": (ELEMENTS, "unit=multi pipeline=1 interface=stream target=fpga"),
    "enabled program": (ELEMENTS, "unit=programmable pipeline=1 interface=stream target=fpga"),
    "division": (DIVISION, "pipeline=1 interface=stream target=fpga"),
    "norm": (ROWS, "pipeline=1 lanes=4"),
    "norms": (NORMS, "interface=axis top=both share-norms=true"),
    "softmax": (SOFTMAX, "pipeline=1"),
}

Damage = tuple[int, int, str]
"""Where in a text something else stands, and what."""


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The modules of every program as text, which reads as it was written."""
    folder, made = tmp_path_factory.mktemp("units"), {}
    for name, (text, options) in PROGRAMS.items():
        source, hardware = folder / f"{name}.mlir", folder / f"{name}_hw.mlir"
        source.write_text(text)
        command = [str(source), f"--convert-pwl-to-hw={options}", "-o", str(hardware)]
        assert cli.main(command) == 0
        made[name] = hardware.read_text()
        again = folder / "again.mlir"
        assert cli.main([str(hardware), "-o", str(again)]) == 0
        assert again.read_text() == made[name]
    return made


def fields_of(kind: type, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every field of a dataclass, and of those inside it."""
    for name, codec in codecs(kind).items():
        yield (*path, name)
        if codec.inner is not None:
            yield from fields_of(codec.inner, (*path, name))


FIELDS = [
    (attribute.name, path) for attribute in UNIT_ATTRIBUTES for path in fields_of(attribute.KIND)
]


def value_of(text: str, kind: str, path: tuple[str, ...]) -> tuple[int, int, int] | None:
    """Where a field begins, where its value begins, and where it ends."""
    start = text.find(f"#{kind}<")
    if start < 0:
        return None
    stop, begin = end_of(text, start + len(kind) + 1), start
    for name in path:
        match = re.compile(rf"\b{name} = ").search(text, start, stop)
        if match is None:
            return None
        begin, start = match.start(), match.end()
        stop = end_of(text, start)
    return begin, start, stop


def end_of(text: str, start: int) -> int:
    """The end of a value: a comma or bracket that nothing inside of it has opened."""
    depth = 0
    for i in range(start, len(text)):
        if text[i] in "<[{(":
            depth += 1
        elif text[i] in ">]})":
            depth -= 1
            if depth < 0:
                return i
        elif text[i] == "," and not depth:
            return i
    raise AssertionError("the text ends inside of a value")


def damages(text: str, begin: int, start: int, stop: int, optional: bool) -> Iterator[Damage]:
    """A value of another kind, one out of range, and none."""
    value = text[start:stop]
    yield start, stop, '"damaged"'
    if re.fullmatch(r"-?\d+", value):
        yield start, stop, "-7777"
        yield start, stop, "99999999"
    if value.startswith("!quant"):
        yield start, stop, "!quant.uniform<i3:f32, 5.000000e-01>"
    if value.startswith("#pwl.table"):
        yield start, stop, value.replace("slopes = [", "slopes = [1, ", 1)
    if value.startswith("#pwl.fit"):
        yield start, stop, re.sub(r"exact = [^,>]*", "exact = 2.0", value)
    if re.fullmatch(r"[a-z_]+(\(.*\))?", value) and value not in ("true", "false"):
        yield start, stop, "no_such_name"
    if value.startswith("["):
        yield start, stop, "[-1, -1, -1]"
    if not optional:
        after = stop + 2 if text[stop] == "," else stop
        yield begin if after != stop else begin - 2, after, ""


def refused(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of a text; the diagnostic has a place in it, and the exit code is 1."""
    damaged = folder / "damaged.mlir"
    damaged.write_text(text)
    code = cli.main([str(damaged), "-t", "json", "-o", str(folder / "out.json")])
    error = capsys.readouterr().err
    assert code == 1, error
    assert re.match(rf"{re.escape(str(damaged))}:\d+:\d+: error: ", error), error
    return error


@pytest.mark.parametrize(("kind", "path"), FIELDS, ids=[f"{k}-{'.'.join(p)}" for k, p in FIELDS])
def test_every_damaged_field_is_a_diagnostic_with_its_place(
    kind: str,
    path: tuple[str, ...],
    emitted: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    owner = next(each.KIND for each in UNIT_ATTRIBUTES if each.name == kind)
    codec = None
    for name in path:
        codec = codecs(owner)[name]
        owner = codec.inner or owner
    assert codec is not None
    found = [(text, place) for text in emitted.values() if (place := value_of(text, kind, path))]
    if not found:
        # No module has it: a flag that is not set.
        assert codec.optional
        return
    tried = 0
    for begin, end, other in damages(found[0][0], *found[0][1], codec.optional):
        text = found[0][0]
        refused(text[:begin] + other + text[end:], tmp_path, capsys)
        tried += 1
    assert tried


@pytest.mark.parametrize(
    ("program", "old", "new", "said"),
    [
        ("table", "latency = 2", "latency = 0", "has a port 'in clock: clock', which"),
        ("table", "latency = 2", "latency = 1", "said to be 1, but a result comes 2 cycles"),
        ("reduced", "latency = 1", "latency = 3", "said to be 3, but a result comes 1 cycles"),
        ("select", "latency = 1", "latency = 2", "said to be 2, but a result comes 1 cycles"),
        ("programmable", "latency = 1", "latency = 2", "but a result comes 1 cycles"),
        (
            "table",
            "operand = !quant.uniform<i8",
            "operand = !quant.uniform<i9",
            "'in x: i9'",
        ),
        ("reduced", "function = rsqrt", "function = gelu", "no range reduction is known for gelu"),
        ("reduced", "function = rsqrt", "function = gleu", "unknown function gleu"),
        ("programmable", "entries = 8", "entries = 5", "entries must be one of 2, 4, 8, 16, 32"),
        ("programmable", "entries = 8", "entries = 4", "are not one for each word"),
        ("programmable", "[[0, 0], ", "[[0], ", "expected two integers"),
        ("stream", "#pwl.stream_unit<@pwl", "#pwl.stream_unit<@other", "is no stream of @other"),
        ("norm", "length = 16", "length = 12", "latency of @pwl_layer_norm16x4"),
        ("norm", "epsilon = 1.000000e-05", "epsilon = -1.0", "epsilon -1.0 is negative"),
        ("softmax", "clip = -255", "clip = 255", "clip must be from -65535 to -1, got 255"),
        ("softmax", "function = softmax", "function = log_softmax", "log_softmax"),
        ("softmax", "clip = -255, ", "", "softmax needs its constant clip"),
        ("table", 'comment = "', 'pwl.remark = 3 : i64, comment = "', "pwl.remark of @pwl_gelu"),
        ("softmax", "pwl.unit = #pwl.row_unit", 'pwl.unit = "row" loc #pwl.row_unit', "error"),
    ],
)
def test_damage_is_named(
    emitted: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    program: str,
    old: str,
    new: str,
    said: str,
) -> None:
    assert old in emitted[program]
    assert said in refused(emitted[program].replace(old, new, 1), tmp_path, capsys)
