;; ch_init traps.
;; refused: the trial instance failed: wasm: trap in ch_init: wasm error: integer divide by zero
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_init") (result i32) (i32.div_u (i32.const 1) (i32.const 0))))
