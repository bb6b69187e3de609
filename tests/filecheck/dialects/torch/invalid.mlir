// RUN: not lut-opt --split-input-file %s 2>&1 | filecheck %s

// CHECK: invalid.mlir:[[# @LINE + 1]]:{{.*}} error: i64 is not a torch type
func.func private @element() -> !torch.list<i64>

// -----

// CHECK: invalid.mlir:[[# @LINE + 1]]:{{.*}} error: Expected integer literal
func.func private @size() -> !torch.vtensor<[x],f32>

// -----

// CHECK: invalid.mlir:[[# @LINE + 2]]:{{.*}} error: Expected integer literal
func.func @value() {
  %0 = torch.constant.int "one"
  return
}

// -----

// CHECK: invalid.mlir:[[# @LINE + 2]]:{{.*}} error: operand is used with type !torch.float, but has been previously used or defined with type !torch.int
func.func @types(%x: !torch.int) {
  %0 = torch.aten.tanh %x : !torch.float -> !torch.float
  return
}

// -----

// CHECK: error: the resource section has no end '#-}'; is the file cut off?
{-# dialect_resources: {
