;; ch_buffer traps.
;; refused: the trial instance failed: wasm: trap in setup: wasm error: out of bounds memory access
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.load (i32.const 65536)))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
