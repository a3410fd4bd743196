;; A guest that names the same two events a hundred times.
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "ab")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "ch_init") (result i32) (local $n i32)
    (loop $again
      (call $intercept (i32.const 0) (i32.const 1))
      (call $intercept (i32.const 1) (i32.const 1))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 100))))
    (i32.const 0))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_out") (param i32) (result i32) (i32.const 4)))
