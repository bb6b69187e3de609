// RUN: not lut-opt %s 2>&1 | filecheck %s

// CHECK: a memory of 4 words of i8 has no address of i3 and no result of i8
hw.module @short(in %x: i3, out y: i8) {
  %y = "storage.rom"(%x) <{name = "words", words = dense<[1, 2, 3, 4]> : tensor<4xi8>}> : (i3) -> i8
  hw.output %y : i8
}
