;; A name outside of the memory.
;; refused: the trial instance failed: wasm: contract broken in ch_init: intercept, argument event_ptr: 2 bytes at address 65535 are not in the memory, which ends at 65536
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_init") (result i32)
    (call $intercept (i32.const 65535) (i32.const 2))
    (i32.const 0)))
