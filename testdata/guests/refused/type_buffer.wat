;; ch_buffer is 32 bits wide.
;; refused: export "ch_buffer" has the type (i64) -> i64: expected (i32) -> i32
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i64) (result i64) (i64.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
