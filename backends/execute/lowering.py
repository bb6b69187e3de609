"""
The pass pipelines that take a module down to LLVM, through the MLIR that torch-mlir bundles.

`torch_mlir` ships the upstream passes and an execution engine and needs no `torch` for them. Its
Python bindings have no type stubs, so that they are `Any` here.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from typing import Any

from lut_opt.backends.errors import JitError
from lut_opt.backends.execute import torch_input
from lut_opt.backends.execute.bindings import bindings, location_text, operations, place

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


def element_dtype(element: str) -> str | None:
    """The NumPy name of an element type such as `i8` or `f32`, None for what NumPy has not."""
    return _SCALARS.get(element)


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
    torch_input.prepare(module)
    _run(module, (fragments, *_TORCH_TO_LINALG), "lowering of the torch dialect")


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
    ir = bindings("ir")
    with module.context:
        for function in functions(module):
            function.attributes["llvm.emit_c_interface"] = ir.UnitAttr.get()
    if any(_is_small_float(op) for op in operations(module)):
        _run(module, SMALL_FLOATS, "lowering of small floats")
    _run(module, LLVM, "lowering to LLVM")
    for op in operations(module):
        if not op.name.startswith(("llvm.", "builtin.module")):
            raise JitError(
                f"`{op.name}` at {place(op)} has no lowering to LLVM; lower it to func, linalg, "
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


def explain(error: Any) -> str:
    """The diagnostics of an `MLIRError` in one line each, the first with its place."""
    lines: list[str] = []
    for diagnostic in getattr(error, "error_diagnostics", ()):
        text = f"{location_text(diagnostic.location)}: {diagnostic.message}"
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
