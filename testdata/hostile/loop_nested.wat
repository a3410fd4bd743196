;; Loops in loops that each end soon, and together after a hundred million years.
;; push: out_of_
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $a i64) (loop $x (loop $y (loop $z (br_if $z (i64.ne (local.tee $a (i64.add (local.get $a) (i64.const 1))) (i64.const 1000000000000)))) (br_if $y (i64.ne (local.get $a) (i64.const 0)))) (br $x)) (i32.const 0)))
