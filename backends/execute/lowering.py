"""
The pass pipelines that take a module down to LLVM, through the MLIR that torch-mlir bundles.

`torch_mlir` ships the upstream passes and an execution engine and needs no `torch` for them. Its
Python bindings have no type stubs, so this file is where they are `Any`.
"""

from __future__ import annotations

import ctypes
import importlib
import re
from collections.abc import Mapping
from typing import Any

from lut_opt.backends.errors import JitError

LINALG = (
    # What the pointwise code of a model becomes: few loops over whole tensors.
    "func.func(convert-elementwise-to-linalg,canonicalize,cse,linalg-fuse-elementwise-ops)",
    "canonicalize",
    "cse",
)

SCANS = ("func.func(tm-tensor-bufferize)",)
"""torch-mlir's own scans, sorts and scatters, which upstream's bufferization does not know."""

BUFFERS = (
    "func.func(empty-tensor-to-alloc-tensor)",
    "one-shot-bufferize{bufferize-function-boundaries=1"
    " function-boundary-type-conversion=identity-layout-map}",
    "canonicalize",
    "cse",
    # After that, copies of a buffer to itself are seen to be such; tiles need one buffer for all.
    "canonicalize",
    "func.func(buffer-loop-hoisting)",
)

OWNERSHIP = ("buffer-deallocation-pipeline",)

SMALL_FLOATS = (
    # bf16 is for storage: its arithmetic is that of f32, and its casts are shifts. libm has no
    # functions of f16.
    "func.func(math-extend-to-supported-types{extra-types=f64 target-type=f32})",
    "arith-emulate-unsupported-floats{source-types=bf16 target-type=f32}",
    "arith-expand{include-bf16=true}",
)

LLVM = (
    "convert-bufferization-to-memref",
    "func.func(tm-tensor-to-loops)",
    # A strided copy is a loop: the runtime library that `memref.copy` calls is not there.
    "func.func(refback-munge-memref-copy,convert-linalg-to-loops,canonicalize,cse)",
    "expand-strided-metadata",
    "lower-affine",
    "func.func(convert-vector-to-scf{full-unroll=1},canonicalize,cse)",
    "convert-scf-to-cf",
    "func.func(llvm-request-c-wrappers)",
    "func.func(convert-math-to-llvm)",
    "convert-math-to-libm",
    "convert-vector-to-llvm",
    # Other than `malloc` and an aligned address in it, LLVM knows what this returns to be new.
    "finalize-memref-to-llvm{use-aligned-alloc=1}",
    "convert-to-llvm",
    "reconcile-unrealized-casts",
    "canonicalize",
    "cse",
)

_TORCH_TO_BACKEND = "torchdynamo-export-to-torch-backend-pipeline"
_TORCH_TO_LINALG = (
    _TORCH_TO_BACKEND,
    "torch-backend-to-linalg-on-tensors-backend-pipeline",
)

_LONGEST = 500
"""Characters of a diagnostic that are shown."""

_SCALARS = {
    "i1": "bool",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "index": "int64",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
}


_QUANTIZATIONS = {
    "torch.quantized_decomposed.quantize_per_tensor": 6,
    "torch.quantized_decomposed.dequantize_per_tensor": 7,
}
"""Operators that torch-mlir has an op for, of so many operands."""


def element_dtype(element: str) -> str | None:
    """The NumPy name of an element type such as `i8` or `f32`, None for what NumPy has not."""
    return _SCALARS.get(element)


def bindings(module: str) -> Any:
    """A module of the bindings (`ir`, `passmanager`, …), or an error that says what to install."""
    try:
        return importlib.import_module(f"torch_mlir.{module}")
    except ImportError as error:
        raise ImportError(
            f"the JIT needs torch-mlir ({error}); install it with `pip install lut-opt[torch]`, "
            "or `pip install lut-opt[jit]` without PyTorch"
        ) from error


def parse(text: str) -> Any:
    """Parse and verify a module, in a context of its own (`module.context`)."""
    ir = bindings("ir")
    torch_dialect = bindings("dialects.torch")  # registers torch-mlir's own passes, too
    context = ir.Context()
    context.enable_multithreading(False)
    if is_torch(text):
        torch_dialect.register_dialect(context)
        # `torch_c` is registered as a dependency of the pipeline, when that runs first.
        _run(ir.Module.parse("", context), _TORCH_TO_LINALG, "start")
    try:
        return ir.Module.parse(text, context)
    except ir.MLIRError as error:
        raise JitError(f"the module does not parse: {explain(error)}") from error


def is_torch(text: str) -> bool:
    """Does the text use the `torch` dialect, types included?"""
    return re.search(r"!torch\.|\btorch\.(?!debug)\w+|\btorch_c\.", text) is not None


def torch_to_linalg(module: Any) -> None:
    """Lower what is left of the `torch` dialect to linalg on tensors, in place."""
    # Its conversions take arith on tensors for their own unfinished work.
    fragments = "func.func(convert-elementwise-to-linalg)"
    _name_quantizations(module)
    _refuse_selections(module)
    _flatten_before_views(module)
    _run(module, (fragments, *_TORCH_TO_LINALG), "lowering of the torch dialect")


def _name_quantizations(module: Any) -> None:
    """`torch.operator "torch.quantized_decomposed.…"` becomes the op of that name."""
    ir = bindings("ir")
    for op in operations(module):
        name = ir.StringAttr(op.attributes["name"]).value if op.name == "torch.operator" else ""
        if name not in _QUANTIZATIONS:
            continue
        with op.location, ir.InsertionPoint(op):
            operands = list(op.operands)
            while len(operands) < _QUANTIZATIONS[name]:  # the type of the result
                none = ir.Type.parse("!torch.none")
                operands.append(ir.Operation.create("torch.constant.none", results=[none]).result)
            types = [result.type for result in op.results]
            native = ir.Operation.create(name, results=types, operands=operands)
        op.results[0].replace_all_uses_with(native.result)
        op.erase()


def _refuse_selections(module: Any) -> None:
    """The pipeline does not end on a selection by a mask, whose size only the data tell."""
    for op in operations(module):
        if op.name.startswith("torch.aten.index.Tensor"):
            chosen = [item.type for item in op.operands[1].owner.operands]
        elif op.name == "torch.aten.masked_select":
            chosen = [op.operands[1].type]
        else:
            continue
        if any(str(kind).endswith(",i1>") for kind in chosen):
            raise JitError(
                f"`{op.name}` at {_place(op)} selects by a mask, so that the size of its result "
                "depends on the data: keep all elements, and put zeros where there is nothing"
            )


def _flatten_before_views(module: Any) -> None:
    """
    Let a view that joins axes of unknown size begin with one axis.

    torch-mlir takes `[?,?,16] -> [?,16]` for one whose second axis is 1, and reads beyond the end.
    """
    ir = bindings("ir")
    for op in operations(module):
        if op.name != "torch.aten.view":
            continue
        operand = op.operands[0]
        before, after = str(operand.type).count("?"), str(op.results[0].type).count("?")
        if before < 2 or after >= before:
            continue
        element = str(operand.type).rpartition(",")[2].rstrip(">")
        with op.location, ir.InsertionPoint(op):
            ends = [_torch_int(ir, end) for end in (0, -1)]
            flat = ir.Operation.create(
                "torch.aten.flatten.using_ints",
                results=[ir.Type.parse(f"!torch.vtensor<[?],{element}>")],
                operands=[operand, *ends],
            )
        op.operands[0] = flat.result


def _torch_int(ir: Any, value: int) -> Any:
    attribute = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), value)
    kind = ir.Type.parse("!torch.int")
    return ir.Operation.create(
        "torch.constant.int", results=[kind], attributes={"value": attribute}
    ).result


def fuse_elementwise(module: Any) -> None:
    """Make few loops of what works element by element, in place."""
    _run(module, LINALG, "fusion of element-wise operations")


def to_buffers(module: Any) -> None:
    """Take tensors to memrefs, in place; the arguments stay as they are."""
    protect_arguments(module)
    if any(op.name.startswith("tm_tensor.") for op in operations(module)):
        _run(module, SCANS, "bufferization of scans")
        _own_scans(module)
    _run(module, BUFFERS, "bufferization")


def _own_scans(module: Any) -> None:
    """Say that the buffers of scans, which are their own, are no other tensor's."""
    ir = bindings("ir")
    with module.context:
        for op in operations(module):
            if op.name == "bufferization.to_tensor":
                op.attributes["restrict"] = ir.UnitAttr.get()


def deallocate(module: Any) -> None:
    """Free buffers where they are no longer needed, in place."""
    manual = any(op.name == "memref.dealloc" for op in operations(module))
    # With explicit deallocations the module manages its memory itself.
    _run(module, () if manual else OWNERSHIP, "buffer deallocation")


def to_llvm(module: Any) -> None:
    """Lower builtin dialects on memrefs to LLVM, in place; raise for what has no lowering."""
    if any(_is_small_float(op) for op in operations(module)):
        _run(module, SMALL_FLOATS, "lowering of small floats")
    _run(module, LLVM, "lowering to LLVM")
    for op in operations(module):
        if not op.name.startswith(("llvm.", "builtin.module")):
            raise JitError(
                f"`{op.name}` at {_place(op)} has no lowering to LLVM; lower it to func, linalg, "
                "tensor, memref, scf, arith or math first"
            )


def engine(module: Any, opt_level: int, addresses: Mapping[str, int]) -> Any:
    """Machine code for the host of a module in the LLVM dialect; addresses of external symbols."""
    try:
        made = bindings("execution_engine").ExecutionEngine(module, opt_level=opt_level)
    except RuntimeError as error:
        raise JitError(
            f"{error} A function that is not linked in, or weights that are not in the text "
            "(`dense_resource` without its `{-# dialect_resources … #-}` part), cause this."
        ) from error
    for name, address in addresses.items():
        made.raw_register_runtime(name, ctypes.c_void_p(address))
    return made


def protect_arguments(module: Any) -> None:
    """Say that tensor arguments of public functions are read only: their memory is the caller's."""
    ir = bindings("ir")
    with module.context:
        read_only = ir.DictAttr.get({"bufferization.writable": ir.BoolAttr.get(False)})
        for function in functions(module):
            types = ir.FunctionType(function.attributes["function_type"].value).inputs
            if any(str(t).startswith("tensor") for t in types):
                function.attributes["arg_attrs"] = ir.ArrayAttr.get(
                    [
                        read_only if str(t).startswith("tensor") else ir.DictAttr.get({})
                        for t in types
                    ]
                )


def functions(module: Any) -> list[Any]:
    """The public functions; a declaration without a body is an error."""
    found: list[Any] = []
    for op in module.body.operations:
        if op.operation.name != "func.func":
            continue
        name = op.operation.attributes["sym_name"].value
        if not list(op.operation.regions[0].blocks):
            raise JitError(f"`@{name}` is declared but has no body; define it in the module")
        if "sym_visibility" not in op.operation.attributes:
            found.append(op.operation)
    return found


def operations(module: Any) -> list[Any]:
    """Every operation, nested ones included, the module first."""
    found: list[Any] = [module.operation]
    for op in found:
        found.extend(
            child.operation
            for region in op.regions
            for block in region.blocks
            for child in block.operations
        )
    return found


def explain(error: Any) -> str:
    """The diagnostics of an `MLIRError` in one line each, the first with its place."""
    lines: list[str] = []
    for diagnostic in getattr(error, "error_diagnostics", ()):
        text = f"{_location(diagnostic.location)}: {diagnostic.message}"
        # The notes repeat the whole operation; its first line names it.
        notes = (
            str(note.message).splitlines()[0]
            for note in diagnostic.notes
            if str(note.message).startswith("see current operation")
        )
        lines.append("; ".join((text, *notes))[:_LONGEST])
    return "\n  ".join(lines) or str(error)


def _run(module: Any, passes: tuple[str, ...], stage: str) -> None:
    ir, passmanager = bindings("ir"), bindings("passmanager")
    if not passes:
        return
    pipeline = f"builtin.module({','.join(passes)})"
    with module.context:
        manager = passmanager.PassManager.parse(pipeline)
        try:
            manager.run(module.operation)
        except ir.MLIRError as error:
            raise JitError(
                f"{stage} failed: {explain(error)}\n  lower or replace this operation first"
            ) from error


def _is_small_float(op: Any) -> bool:
    """Whether an operation on scalars makes or takes a float of 16 bits."""
    values = (*op.operands, *op.results)
    return any(str(value.type) in ("bf16", "f16") for value in values)


def _place(op: Any) -> str:
    return _location(op.location)


def _location(location: Any) -> str:
    text = str(location).removeprefix("loc(").removesuffix(")")
    match = re.search(r'"([^"]+)":(\d+):(\d+)', text)
    return f"{match[1]}:{match[2]}:{match[3]}" if match else text
