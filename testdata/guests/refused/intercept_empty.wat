;; A name has at least one byte.
;; refused: the trial instance failed: wasm: contract broken in ch_init: intercept, argument event_ptr: phx: a name is 1 to 255 bytes long
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_init") (result i32)
    (call $intercept (i32.const 0) (i32.const 0))
    (i32.const 0)))
