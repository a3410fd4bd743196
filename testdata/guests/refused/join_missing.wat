;; A guest that nobody could join.
;; refused: export "join" is missing: expected a function (i32) -> i32
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024)))
