// RUN: not lut-opt %s --split-input-file --pwl-search="symmetry=relu entries=4" 2>&1 | filecheck %s

// CHECK: error: [pwl-search] mish is not relu(x) plus an even function: f(x) and f(−x) + x differ by {{.*}}: leave symmetry= out
func.func @mish(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 3.125000e-02> {
  %0 = pwl.apply #pwl.fn<mish> %x : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 3.125000e-02>
  func.return %0 : !quant.uniform<i8:f32, 3.125000e-02>
}
// -----
// CHECK: error: [pwl-search] gelu saturates at x = 2.0625, where it has no mirror image: use a coarser result scale, or leave symmetry= out
func.func @saturates(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 1.562500e-02> {
  %0 = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 1.562500e-02>
  func.return %0 : !quant.uniform<i8:f32, 1.562500e-02>
}
// -----
// CHECK: error: [pwl-search] symmetry=relu needs an integer slope for x, which is {{.*}} here: use scales a power of two apart, or other frac-bits
func.func @apart(%x: !quant.uniform<i8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 4.100000e-02> {
  %0 = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<i8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 4.100000e-02>
  func.return %0 : !quant.uniform<i8:f32, 4.100000e-02>
}
// -----
// CHECK: error: [pwl-search] symmetry needs zero points of 0 and inputs of both signs
func.func @positive(%x: !quant.uniform<u8:f32, 3.125000e-02>) -> !quant.uniform<i8:f32, 6.250000e-02> {
  %0 = pwl.apply #pwl.fn<gelu> %x : !quant.uniform<u8:f32, 3.125000e-02> -> !quant.uniform<i8:f32, 6.250000e-02>
  func.return %0 : !quant.uniform<i8:f32, 6.250000e-02>
}
