;; ch_callbacks takes nothing.
;; refused: export "ch_callbacks" has the type (i32) -> i32: expected () -> i32
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_callbacks") (param i32) (result i32) (i32.const 1)))
