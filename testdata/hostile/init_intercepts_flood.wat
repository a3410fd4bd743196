;; ch_init wants to hear 65 events, of which 64 are allowed.
;; verdict: refused
;; words: intercept: more than 64 events
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0))
  (func (export "ch_init") (result i32)
    (local $n i32)
    (loop $again
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (call $intercept (i32.const 0) (local.get $n))
      (br_if $again (i32.lt_u (local.get $n) (i32.const 65))))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32) (i32.const 4)))
