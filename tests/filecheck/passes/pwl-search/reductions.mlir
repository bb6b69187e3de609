// RUN: lut-opt %s --pwl-search="entries=4 left-tail=zero" --verify-pwl | filecheck %s
// RUN: lut-opt %s --pwl-search="entries=4" -t json | filecheck %s --check-prefix=JSON

// A reduced table is searched on the table's own inputs; options about the operand do not touch it,
// and equal reductions have equal tables, whatever the operand's storage.

// CHECK:      pwl.apply #pwl.fn<rsqrt> %{{.*}} reduce #pwl.leading_zero<table_bits = 6> table #pwl.table<i8, breakpoints = {{.*}}> fit #pwl.fit<optimal, {{.*}}points = 193,
// CHECK-NEXT: pwl.apply #pwl.fn<reciprocal> %{{.*}} reduce #pwl.leading_zero<table_bits = 6> table [[table:#pwl.table<i8, .*>]] fit #pwl.fit<optimal, {{.*}}points = 65,
// CHECK-NEXT: pwl.divide %{{.*}}, %{{.*}} reduce #pwl.leading_zero<table_bits = 6> {reciprocal = [[table]], reciprocal_fit = #pwl.fit<optimal

// JSON:      "function": "rsqrt",
// JSON-NEXT: "input_scale": 0.015625,
// JSON:      "reduction": {
// JSON-NEXT:   "kind": "leading_zero",
// JSON-NEXT:   "table_bits": 6
// JSON:      "operand": {
// JSON-NEXT:   "bits": 32,
// JSON:      "error_bound": {{[0-9.]+}}
// JSON:      "unit": "divide",
// JSON-NEXT: "table": "reciprocal",
// JSON:      "numerator": {
// JSON-NEXT:   "bits": 16,
// JSON:      "error_bound": {{[0-9.]+}}

!wide = !quant.uniform<u32:f32, 9.5367431640625E-7>
!u16 = !quant.uniform<u16:f32, 0.1>
!result = !quant.uniform<i16:f32, 9.765625E-4>

func.func @reductions(%x: !wide, %a: !result, %b: !u16) -> (!result, !result, !result) {
  %0 = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.leading_zero<table_bits = 6> : !wide -> !result
  %1 = pwl.apply #pwl.fn<reciprocal> %b reduce #pwl.leading_zero<table_bits = 6> : !u16 -> !result
  %2 = pwl.divide %a, %x reduce #pwl.leading_zero<table_bits = 6> : !result, !wide -> !result
  func.return %0, %1, %2 : !result, !result, !result
}
