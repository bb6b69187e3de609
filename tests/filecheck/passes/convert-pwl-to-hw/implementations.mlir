// RUN: lut-opt %s --convert-pwl-to-hw=implementation=direct | filecheck %s --check-prefix=DIRECT
// RUN: lut-opt %s --convert-pwl-to-hw=implementation=onehot | filecheck %s --check-prefix=ONEHOT
// RUN: lut-opt %s --convert-pwl-to-hw=implementation=auto 2>&1 | filecheck %s --check-prefix=AUTO
// RUN: lut-opt %s --convert-pwl-to-hw="implementation=auto allow-exact=true" | filecheck %s --check-prefix=EXACT
// RUN: not lut-opt %s --convert-pwl-to-hw=implementation=folded 2>&1 | filecheck %s --check-prefix=FOLDED

!q = !quant.uniform<i4:f32, 5.000000e-01>

func.func @host(%x : !q) -> !q {
  %0 = pwl.apply #pwl.fn<leaky_relu, 0.000000e+00> %x table #pwl.table<i8, breakpoints = [-2, 3], slopes = [1, 13, 16], intercepts = [0, 3, -3], intercept_shift = 1, result_shift = 4> : !q -> !q
  func.return %0 : !q
}

// A multiplexer tree of the input bits; the table stays the definition of what it computes.
// DIRECT:      hw.module @pwl_leaky_relu_i4_i4_s2m1_s2m1(in %x: i4, out y: i4) attributes {comment = {{.*}}built as:  direct truth table
// DIRECT-SAME:   table = #pwl.table<i8, breakpoints = [-2, 3],
// DIRECT-SAME:   pwl.implementation = "direct"
// DIRECT:        comb.extract %x from
// DIRECT-NOT:    comb.icmp
// DIRECT-NOT:    comb.add
// DIRECT:        hw.output

// ONEHOT:        comb.icmp
// ONEHOT:        comb.replicate
// ONEHOT:        comb.or
// ONEHOT:        comb.add

// AUTO:      implementations.mlir:10:3: remark: [convert-pwl-to-hw] the correctly rounded leaky_relu(0.0) as a direct truth table would cost less
// AUTO:      pwl.implementation = "direct"
// AUTO-SAME: pwl.alternatives = {compare = {area = {{.*}} : f64, delay = {{.*}} : f64, power = {{.*}} : f64}, onehot =

// Another table, whose certificate says that every result is correctly rounded.
// EXACT:      table = #pwl.table<i4, breakpoints = [1, 2, 3, 4, 5, 6, 7], slopes = [0, 0, 0, 0, 0, 0, 0, 0], intercepts = [0, 1, 2, 3, 4, 5, 6, 7]>
// EXACT-SAME: fit = #pwl.fit<exact, {{.*}} exact = 1.000000e+00>
// EXACT-SAME: pwl.implementation = "exact"

// FOLDED: implementations.mlir:10:3: error: [convert-pwl-to-hw] implementation=folded is impossible here: the halves of the table do not follow from each other
