;; 64 names, as many as may be; refused/intercept_too_many.wat has one more.
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_out") (param i32) (result i32) (i32.const 4))
  (func (export "ch_init") (result i32) (local $i i32)
    (loop $next
      (i32.store8 (i32.const 0) (i32.add (i32.const 33) (local.get $i)))
      (call $intercept (i32.const 0) (i32.const 1))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 64))))
    (i32.const 0)))
