;; A guest that does not say what it was built for.
;; refused: export "ch_abi_version" is missing: expected a function () -> i32
(module
  (memory (export "memory") 1)
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
