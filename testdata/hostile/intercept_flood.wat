;; Intercepts one event after the other, for ever.
;; refused: intercept
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_init") (result i32) (local $n i32) (loop $again (i32.store8 (i32.const 16) (i32.add (i32.const 97) (i32.rem_u (local.get $n) (i32.const 26)))) (i32.store8 (i32.const 17) (i32.add (i32.const 97) (i32.rem_u (i32.div_u (local.get $n) (i32.const 26)) (i32.const 26)))) (call $intercept (i32.const 16) (i32.const 2)) (local.set $n (i32.add (local.get $n) (i32.const 1))) (br $again)) (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (i32.const 0)))
