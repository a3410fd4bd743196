;; Traps in handle_out, at its own broadcast.
;; verdict: fails in handle_out
;; words: wasm: trap in handle_out
;; words: unreachable
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "said")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "ch_init") (result i32)
    (call $intercept (i32.const 16) (i32.const 4))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32) (unreachable)))
