;; ch_init wants to hear an event that belongs to the host.
;; verdict: refused
;; words: intercept, argument event_ptr: the event phx_close belongs to the host
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "phx_close")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0))
  (func (export "ch_init") (result i32)
    (call $intercept (i32.const 16) (i32.const 9))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32) (i32.const 4)))
