"""ONNX files as modules: the numbers of ONNX's own evaluator, places of nodes, and bad files."""

# ruff: noqa: E402 — imports follow the skip

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch", reason="pip install lut-opt[torch]")
pytest.importorskip("torch_mlir.ir", reason="pip install lut-opt[torch]")
pytest.importorskip("onnx", reason="pip install lut-opt[onnx]")

from onnx.reference import ReferenceEvaluator

import lut_opt
from lut_opt.accuracy import CheckError
from lut_opt.frontends.onnx import OnnxError, load
from lut_opt.frontends.torch import calibrate, export_text
from lut_opt.frontends.torch.reference import BatchError

SPEC: Any = importlib.util.spec_from_file_location(
    "onnx_graphs", Path(__file__).with_name("graphs.py")
)
graphs: Any = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(graphs)
node, write = graphs.node, graphs.write

RNG = np.random.default_rng(0)
LINEAR = RNG.normal(size=(16, 32)).astype(np.float32)
GAMMA = RNG.normal(size=32).astype(np.float32)
HALF, ONE, ROOT = (np.float32(value) for value in (0.5, 1.0, 2**0.5))

BLOCK = [
    node("Identity", "weight", "same"),
    node("MatMul", "x same", "h"),
    node("LayerNormalization", "h gamma", "n"),
    node("Div", "n root", "scaled"),
    node("Erf", "scaled", "e"),
    node("Add", "one e", "e1"),
    node("Mul", "n e1", "g2"),
    node("Mul", "half g2", "g"),
    node("Shape", "x", "sizes"),
    node("Slice", "sizes first last axis back", "turned"),
    node("Slice", "turned last_one none axis back", "batch"),
    node("Concat", "batch rest", "shape", axis=0),
    node("Reshape", "g shape", "parts"),
    node("Softmax", "parts", "y", axis=-1),
]
CONSTANTS = {
    "weight": LINEAR,
    "gamma": GAMMA,
    "root": ROOT,
    "one": ONE,
    "half": HALF,
    **{name: np.array([value]) for name, value in (("first", -1), ("axis", 0), ("back", -1))},
    "last": np.array([np.iinfo(np.int64).min]),
    "last_one": np.array([1]),
    "none": np.array([0]),
    "rest": np.array([4, 8]),
}


def block(path: Path, **options: Any) -> Path:
    """A linear layer, a norm, GELU in five operators, a reshape by sizes, a softmax."""
    return write(path, BLOCK, {"x": ["batch", 16]}, {"y": 3, "n": 2}, weights=CONSTANTS, **options)


def test_a_module_computes_what_the_file_says(tmp_path: Path) -> None:
    path = block(tmp_path / "block.onnx")
    x = RNG.normal(size=(3, 16)).astype(np.float32)
    model = load(path, x)
    made = model(torch.as_tensor(x))
    wanted = ReferenceEvaluator(str(path)).run(None, {"x": x})
    assert list(made) == ["y", "n"]
    for ours, theirs in zip(made.values(), wanted, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=1e-5, atol=1e-6)
    # What depends on sizes alone is no node, and large weights can be trained.
    assert len([n for n in model.graph.nodes if n.op == "call_function"]) == 10
    assert {n: tuple(p.shape) for n, p in model.named_parameters()} == {"_weight": (16, 32)}
    made["y"].sum().backward()
    assert model._weight.grad is not None


def test_nodes_have_a_place_in_the_file_and_are_recognized(tmp_path: Path) -> None:
    path = block(tmp_path / "block.onnx")
    batches = [RNG.normal(size=(3, 16)).astype(np.float32) for _ in range(2)]
    model = load(path, *batches[:1])
    calibration = calibrate(model, batches)
    assert [seen.name for seen in calibration.observations if seen] == [
        f"{path}:3: `native_layer_norm` of layer `N`",
        f"{path}:5: `erf` of layer `E`",
        f"{path}:14: `softmax.int` of layer `Y`",
    ]
    text = export_text(model, batches[0], calibration=calibration)
    assert f'loc("E"("{path}":5:0))' in text
    accuracy = lut_opt.check(str(path), [*batches, *batches], operators=False)
    assert accuracy.outputs["y"].cosine > 0.999


def test_inputs_by_name_and_of_sizes_that_the_file_declares(tmp_path: Path) -> None:
    nodes = [node("Mul", "in.1 class", "p"), node("Tanh", "p", "y")]
    path = write(tmp_path / "names.onnx", nodes, {"in.1": [2, 3], "class": [2, 3]})
    model = load(path)
    x, y = torch.full((2, 3), 2.0), torch.full((2, 3), 0.5)
    assert torch.equal(model(in_1=x, _class=y), torch.tanh(torch.ones(2, 3)))
    assert torch.equal(load(path, {"_class": y, "in_1": x})(x, y), model(x, y))
    with pytest.raises(OnnxError, match=r"its inputs are in_1, _class; got x"):
        load(path, {"x": x})
    with pytest.raises(OnnxError, match=r"it has 2 inputs \(in\.1, class\); got 1"):
        load(path, x)


def test_an_older_file_is_converted(tmp_path: Path) -> None:
    nodes = [node("Softmax", "x", "s", axis=-1), node("Exp", "s", "y")]
    path = write(tmp_path / "old.onnx", nodes, {"x": [2, 5]}, opset=13)
    x = RNG.normal(size=(2, 5)).astype(np.float32)
    wanted = ReferenceEvaluator(str(path)).run(None, {"x": x})[0]
    np.testing.assert_allclose(load(path)(torch.as_tensor(x)), wanted, rtol=1e-6)


OPERATORS: dict[str, tuple[str, dict[str, Any], str]] = {
    "Attention": ("x x x", {}, "softmax.int"),
    "Clip": ("x low high", {}, "clamp"),
    "MeanVarianceNormalization": ("x", {}, "sqrt"),
    "PRelu": ("x slope", {}, "where.self"),
    "Pow": ("x three", {}, "pow.Tensor_Scalar"),
    "Resize": (
        "x none scales",
        {
            "mode": "nearest",
            "nearest_mode": "floor",
            "coordinate_transformation_mode": "asymmetric",
        },
        "__interpolate.size_list_scale_list",
    ),
    "RMSNormalization": ("x square", {"axis": 2, "epsilon": 0.1}, "rms_norm"),
    "Softsign": ("x", {}, "div.Tensor"),
    "Swish": ("x", {"alpha": 1.5}, "sigmoid"),
}
"""What torch-mlir alone does not take, or not in a form that PyTorch has."""


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_that_need_more_than_torch_mlir(tmp_path: Path, operator: str) -> None:
    inputs, attributes, becomes = OPERATORS[operator]
    constants = {
        "low": np.float32(-0.5),
        "high": np.float32(0.75),
        "three": np.float32(3),
        "slope": np.array([0.1, 0.2, 0.3], np.float32).reshape(3, 1, 1),
        "square": RNG.normal(size=(8, 8)).astype(np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
        "none": np.zeros(0, np.float32),
    }
    path = write(
        tmp_path / "one.onnx",
        [node(operator, inputs, "y", **attributes)],
        {"x": [1, 3, 8, 8]},
        {"y": 4},
        weights={name: constants[name] for name in inputs.split() if name != "x"},
        opset=24,
    )
    x = RNG.normal(size=(1, 3, 8, 8)).astype(np.float32)
    model = load(path)
    wanted = ReferenceEvaluator(str(path)).run(None, {"x": x})[0]
    with torch.no_grad():
        np.testing.assert_allclose(model(torch.as_tensor(x)), wanted, rtol=1e-4, atol=1e-6)
    targets = [n.target.name().removeprefix("aten::") for n in model.graph.nodes
               if n.op == "call_function"]  # fmt: skip
    assert becomes in targets


X = np.zeros((2, 4), np.float32)
OPEN: dict[str, list[Any]] = {"x": ["n", 4]}

BAD: dict[str, tuple[list[Any], dict[str, list[Any]], dict[str, Any], tuple[Any, ...], str]] = {
    "type": ([node("Tanh", "x", "y")], OPEN, {}, (X.astype(np.float64),), "2x4xfloat64, but nx4xf"),
    "size": (
        [node("Tanh", "x", "y")],
        OPEN,
        {},
        (X[:, :3],),
        "2x3xfloat32, but nx4xfloat32, n",
    ),
    "rank": ([node("Tanh", "x", "y")], OPEN, {}, (X[0],), "4xfloat32, but nx4xfloat32"),
    "open": ([node("Tanh", "x", "y")], OPEN, {}, (), "input `x` is nx4xfloat32; give an example"),
    "equal": (
        [node("Concat", "x z", "y", axis=1)],
        {"x": ["n", 4], "z": ["n", 4]},
        {},
        (X, X[:1]),
        "input `z` is 1x4xfloat32, but nx4xfloat32, n = 2",
    ),
    "runtime": (
        [node("Gelu", "x", "y", domain="com.microsoft")],
        OPEN,
        {},
        (X,),
        ":1: node `Y` is `com.microsoft.Gelu`; only ONNX's own",
    ),
    "unknown operator": (
        [node("Tanh", "x", "t"), node("RotaryEmbedding", "t c c", "y")],
        {"x": [1, 2, 3, 4]},
        {"c": np.ones((1, 3, 2), np.float32)},
        (np.zeros((1, 2, 3, 4), np.float32),),
        ":2: node `Y`: torch-mlir does not know `RotaryEmbedding`",
    ),
    "wrong conversion": (
        [node("LRN", "x", "y", size=3)],
        {"x": [1, 3, 2, 2]},
        {},
        (np.zeros((1, 3, 2, 2), np.float32),),
        ":1: node `Y`: `LRN` cannot be taken: torch-mlir's conversion computes something else",
    ),
    "no operator": ([node("Nothing", "x", "y")], OPEN, {}, (X,), "No Op registered for Nothing"),
    "data": (
        [node("Tanh", "x", "t"), node("NonZero", "x", "z"), node("Cast", "z", "y", to=1)],
        OPEN,
        {},
        (X,),
        ":2: node `Z`: ",
    ),
    "shape of data": (
        [node("Cast", "x", "s", to=7), node("Expand", "one s", "y")],
        {"x": [2]},
        {"one": np.ones(1, np.float32)},
        (X[0, :2],),
        ":2: node `Y`: a size or a choice depends on the data",
    ),
    "sizes": ([node("MatMul", "x x", "y")], OPEN, {}, (X,), "Incompatible dimensions"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_graphs_and_inputs(tmp_path: Path, case: str) -> None:
    nodes, inputs, weights, example, message = BAD[case]
    path = write(tmp_path / "bad.onnx", nodes, inputs, None, weights=weights, opset=23)
    with pytest.raises(OnnxError) as caught:
        load(path, *example)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(OnnxError, match=r"no file `.*none\.onnx`"):
        load(tmp_path / "none.onnx")
    path = block(tmp_path / "block.onnx")
    (tmp_path / "cut.onnx").write_bytes(path.read_bytes()[:700])
    (tmp_path / "text.onnx").write_text("not a model")
    for name in ("cut.onnx", "text.onnx"):
        with pytest.raises(OnnxError, match=rf"{name}: not a valid ONNX file: \w+"):
            load(tmp_path / name, X)
    onnx: Any = pytest.importorskip("onnx")
    apart = tmp_path / "apart.onnx"
    onnx.save(onnx.load(path), apart, save_as_external_data=True, location="w", size_threshold=1024)
    assert load(apart, np.zeros((1, 16), np.float32))._weight.shape == (16, 32)
    (tmp_path / "w").unlink()
    with pytest.raises(OnnxError, match=r"apart\.onnx: not a valid ONNX file: .*w"):
        load(apart, np.zeros((1, 16), np.float32))
    values = [onnx.helper.make_tensor_value_info(name, 1, [2]) for name in "abcd"]
    body = [node("Identity", "a", "c"), node("Identity", "b", "d")]
    body = onnx.helper.make_graph(body, "body", values[:2], values[2:])
    nodes = [node("Scan", "n x z", "y w", body=body, num_scan_inputs=1)]
    inputs: dict[str, Any] = {"x": [1, 2], "z": [1, 3, 2]}
    old = write(tmp_path / "old.onnx", nodes, inputs, weights={"n": np.array([3])}, opset=8)
    with pytest.raises(OnnxError, match=r"opset 8 cannot be converted to 17; export it again"):
        load(old)


def test_what_a_path_is_given_beside_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(block(tmp_path / "block.onnx"))
    x = np.zeros((1, 16), np.float32)
    with pytest.raises(BatchError, match=r"the sizes of an ONNX file are those of the batches"):
        lut_opt.compile(path, calibrate=[x, x], dynamic_shapes=({0: 2},))
    with pytest.raises(CheckError, match=r"no batch is given"):
        lut_opt.check(path, [])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"onnx is missing: pip install 'lut-opt\[onnx\]'"):
        lut_opt.check(path, [x, x])
