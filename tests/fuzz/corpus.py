"""Where mutations start: the project's own MLIR texts, and every word that they are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
FOLDERS = (TESTS / "filecheck", TESTS / "unit", TESTS.parent / "examples")

LONGEST = 6000
"""Characters of a text: a longer one costs much time and meets nothing new."""

TOKEN = re.compile(
    r'"[^"\n]*"|[%#!@^][\w.$-]+|[A-Za-z_][\w.$]*|0x[0-9A-Fa-f]+'
    r"|-?\d+\.?\d*(?:[eE][+-]?\d+)?|->|[^\s\w]"
)

TYPES = tuple(
    "f32 f16 bf16 f64 f80 f128 tf32 f8E4M3FN f8E5M2 i1 i8 i32 i64 i128 si8 ui8 index none "
    "tensor<f32> tensor<4xf32> tensor<?xf32> tensor<0xf32> tensor<2x3xf32> tensor<*xf32> "
    "tensor<4xf16> tensor<4xf80> tensor<4xcomplex<f32>> tensor<4xi8> tensor<99999999xf32> "
    "vector<4xf32> vector<[4]xf32> vector<2x[2]xf32> vector<f32> vector<100000xf32> "
    "memref<4xf32> memref<?xf32> memref<*xf32> complex<f32> "
    "!quant.uniform<i8:f32,0.5> !quant.uniform<u8:f32,0.1:128> !quant.uniform<i2:f32,1.0> "
    "!quant.uniform<i1:f32,1.0> !quant.uniform<i24:f32,1.0e-5> !quant.uniform<i32:f64,1.0e-300> "
    "!quant.uniform<i8<-1:1>:f32,1.0e30> !quant.uniform<i16:f16,0.001> "
    "tensor<4x!quant.uniform<i8:f32,0.03125>> tensor<?x!quant.uniform<u4:f32,0.25:8>> "
    "tensor<*x!quant.uniform<i8:f32,0.5>> vector<[4]x!quant.uniform<i8:f32,0.5>> "
    "memref<4x!quant.uniform<i8:f32,0.5>> "
    "tensor<2x!quant.uniform<i8:f32:0,{0.1,0.2:3}>> !quant.uniform<i8:f32:1,{0.1,0.2}> "
    "!torch.vtensor<[2,3],f32> !torch.vtensor<[?,3],f32> !torch.vtensor<*,f32> !torch.vtensor "
    "!torch.vtensor<[],f32> !torch.vtensor<[2,3],f16> !torch.vtensor<[2,3],si64> "
    "!torch.vtensor<[2,3],complex<f32>> !torch.vtensor<[2],f8E5M2> !torch.int !torch.none "
    "!torch.list<int> !torch.tensor !my.type<x>".split()
)

NUMBERS = tuple(
    "0 1 -1 2 7 8 31 32 33 63 64 127 128 255 256 32767 65536 2147483647 -2147483648 4294967296 "
    "9223372036854775807 18446744073709551616 0.0 -0.0 0.5 1.0 -1.0 1.0e-45 1.0e-7 1.0e7 1.0e38 "
    "1.0e39 1.0e300 1.0e999 0x7F800000 0xFF800000 0x7FC00000 0x7FF0000000000000 0xFFFF "
    "99999999999999999999999999".split()
)

ATTRIBUTES = (
    "pwl.range = [-4.0, 4.0]",
    "pwl.range = [0.0, 1.0e30]",
    "pwl.range = [-1.0e-30, 1.0e-30]",
    "pwl.range = [4.0, -4.0]",
    "pwl.range = [1, 2]",
    "pwl.range = 4.0",
    "pwl.range_numerator = [-1.0, 1.0]",
    "pwl.bits = 16",
    "pwl.bits = 32 : i8",
    "pwl.bits = 0.5",
    "pwl.histogram = array<i64: 1, 2, 3>",
    "pwl.histogram = dense<1> : tensor<256xi64>",
    "pwl.histogram = [1, -2, 3]",
    "pwl.kept",
    "pwl.fused = 1",
    "fastmath = #arith.fastmath<fast>",
)


@dataclass(frozen=True)
class Corpus:
    """Texts, and the tokens and lines of all of them."""

    texts: tuple[str, ...]
    tokens: tuple[str, ...]
    lines: tuple[str, ...]


@cache
def corpus() -> Corpus:
    """Every part of every MLIR file of the tests and examples, without its comments."""
    paths = sorted(path for folder in FOLDERS for path in folder.rglob("*.mlir"))
    parts = (part for path in paths for part in path.read_text().split("// -----"))
    bare = (re.sub(r"^\s*//.*\n", "", part, flags=re.MULTILINE).strip() for part in parts)
    texts = tuple(f"{text}\n" for text in bare if 0 < len(text) <= LONGEST)
    tokens = sorted({token for text in texts for token in TOKEN.findall(text)})
    lines = sorted({line for text in texts for line in text.splitlines() if line.strip()})
    return Corpus(texts, tuple(tokens), tuple(lines))
