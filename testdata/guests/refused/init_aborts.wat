;; An assertion that fails in ch_init.
;; refused: the trial instance failed: wasm: trap in ch_init: abort: "" in "", line 7, column 8
(module
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_init") (result i32)
    (call $abort (i32.const 0) (i32.const 0) (i32.const 7) (i32.const 8))
    (i32.const 0)))
