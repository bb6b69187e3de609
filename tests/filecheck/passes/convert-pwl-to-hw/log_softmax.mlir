// RUN: lut-opt %s --convert-pwl-to-hw | filecheck %s
// RUN: lut-opt %s --convert-pwl-to-hw -t json | filecheck %s --check-prefix=JSON

!x = !quant.uniform<i16:f32, 6.250000e-02>

func.func @host(%a: tensor<2x16x!x>) {
  %0 = pwl.log_softmax %a {axis = 1 : i64, clip = -255 : i64, exp_fraction = 12 : i64, exp = #pwl.table<i16, breakpoints = [-64, -16], slopes = [0, 16, 200], intercepts = [0, 1152, 4096]>, log = #pwl.table<i16, breakpoints = [1500], slopes = [54, 37], intercepts = [-30000, -4500]>} : tensor<2x16x!x> -> tensor<2x16x!x>
  func.return
}

// CHECK:      hw.module @pwl_log_softmax16_i16_i16_s2m4_s2m4({{.*}}in %x_last: i1,
// CHECK-SAME:   pwl.unit = #pwl.row_unit<latency = 42, semantics = <function = log_softmax,
// CHECK:        "seq.hlmem"({{.*}}) <{name = "distances"}> : (!seq.clock, i1) -> !seq.hlmem<32xi18>

// JSON: "unit": "log_softmax",
// JSON: "error_bound": {{[0-9.]+}}
