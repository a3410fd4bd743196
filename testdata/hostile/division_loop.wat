;; A loop of what takes longest: divisions of 64 bits.
;; push: out_of_
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $x i64) (local.set $x (i64.const -1)) (loop $again (local.set $x (i64.or (i64.const 3) (i64.div_u (i64.const -1) (local.get $x)))) (br $again)) (i32.const 0)))
