// Wide operands behind every reduction, and divisions of every shape.

func.func @reciprocal(%x: tensor<?x!quant.uniform<u32:f32, 9.5367431640625E-7>>) -> tensor<?x!quant.uniform<i32:f32, 3.051757812500E-5>> {
  %y = pwl.apply #pwl.fn<reciprocal> %x reduce #pwl.leading_zero<table_bits = 9> : tensor<?x!quant.uniform<u32:f32, 9.5367431640625E-7>> -> tensor<?x!quant.uniform<i32:f32, 3.051757812500E-5>>
  func.return %y : tensor<?x!quant.uniform<i32:f32, 3.051757812500E-5>>
}
func.func @odd(%x: tensor<?x!quant.uniform<i16:f32, 3.0e-03:-7>>) -> tensor<?x!quant.uniform<i16:f32, 1.0e-02:5>> {
  %y = pwl.apply #pwl.fn<reciprocal> %x reduce #pwl.leading_zero<table_bits = 8> : tensor<?x!quant.uniform<i16:f32, 3.0e-03:-7>> -> tensor<?x!quant.uniform<i16:f32, 1.0e-02:5>>
  func.return %y : tensor<?x!quant.uniform<i16:f32, 1.0e-02:5>>
}
func.func @multi_range(%x: tensor<?x!quant.uniform<u16:f32, 3.125000e-02>>) -> tensor<?x!quant.uniform<i16:f32, 9.765625E-4>> {
  %y = pwl.apply #pwl.fn<reciprocal> %x reduce #pwl.multi_range<bounds = [128, 1024, 8192], shifts = [3, 6, 9], range = [16, 128], fraction = 5> : tensor<?x!quant.uniform<u16:f32, 3.125000e-02>> -> tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>
  func.return %y : tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>
}
func.func @rsqrt(%x: tensor<?x!quant.uniform<u32:f32, 4.76837158203125E-7>>) -> tensor<?x!quant.uniform<i32:f32, 9.765625E-4>> {
  %y = pwl.apply #pwl.fn<rsqrt> %x reduce #pwl.leading_zero<table_bits = 8> : tensor<?x!quant.uniform<u32:f32, 4.76837158203125E-7>> -> tensor<?x!quant.uniform<i32:f32, 9.765625E-4>>
  func.return %y : tensor<?x!quant.uniform<i32:f32, 9.765625E-4>>
}
func.func @sqrt(%x: tensor<?x!quant.uniform<i16:f32, 1.0e-02:-32768>>) -> tensor<?x!quant.uniform<i16:f32, 9.765625E-4>> {
  %y = pwl.apply #pwl.fn<sqrt> %x reduce #pwl.leading_zero<table_bits = 8> : tensor<?x!quant.uniform<i16:f32, 1.0e-02:-32768>> -> tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>
  func.return %y : tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>
}
func.func @log(%x: tensor<?x!quant.uniform<u32:f32, 9.5367431640625E-7>>) -> tensor<?x!quant.uniform<i16:f32, 1.0e-03>> {
  %y = pwl.apply #pwl.fn<log> %x reduce #pwl.leading_zero<table_bits = 9> : tensor<?x!quant.uniform<u32:f32, 9.5367431640625E-7>> -> tensor<?x!quant.uniform<i16:f32, 1.0e-03>>
  func.return %y : tensor<?x!quant.uniform<i16:f32, 1.0e-03>>
}
func.func @signed_log(%x: tensor<?x!quant.uniform<i16:f32, 1.0e+02>>) -> tensor<?x!quant.uniform<i8:f32, 1.250000e-01>> {
  %y = pwl.apply #pwl.fn<log> %x reduce #pwl.multi_range<bounds = [128, 2048], shifts = [4, 8], range = [8, 128], fraction = 5> : tensor<?x!quant.uniform<i16:f32, 1.0e+02>> -> tensor<?x!quant.uniform<i8:f32, 1.250000e-01>>
  func.return %y : tensor<?x!quant.uniform<i8:f32, 1.250000e-01>>
}
func.func @divide(%a: tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>, %b: tensor<?x!quant.uniform<u32:f32, 9.5367431640625E-7>>) -> tensor<?x!quant.uniform<i16:f32, 9.765625E-4>> {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> : tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>, tensor<?x!quant.uniform<u32:f32, 9.5367431640625E-7>> -> tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>
  func.return %y : tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>
}
func.func @signed_divide(%a: tensor<?x!quant.uniform<u8:f32, 1.0e-01:100>>, %b: tensor<?x!quant.uniform<i32:f32, 7.0e-06:11>>) -> tensor<?x!quant.uniform<i8:f32, 3.0e-01:-9>> {
  %y = pwl.divide %a, %b reduce #pwl.leading_zero<table_bits = 9> : tensor<?x!quant.uniform<u8:f32, 1.0e-01:100>>, tensor<?x!quant.uniform<i32:f32, 7.0e-06:11>> -> tensor<?x!quant.uniform<i8:f32, 3.0e-01:-9>>
  func.return %y : tensor<?x!quant.uniform<i8:f32, 3.0e-01:-9>>
}
func.func @multi_range_divide(%a: tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>, %b: tensor<?x!quant.uniform<u16:f32, 3.125000e-02>>) -> tensor<?x!quant.uniform<i16:f32, 9.765625E-4>> {
  %y = pwl.divide %a, %b reduce #pwl.multi_range<bounds = [128, 1024, 8192], shifts = [3, 6, 9], range = [16, 128], fraction = 5> : tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>, tensor<?x!quant.uniform<u16:f32, 3.125000e-02>> -> tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>
  func.return %y : tensor<?x!quant.uniform<i16:f32, 9.765625E-4>>
}
