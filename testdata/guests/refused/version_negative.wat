;; A number that was not meant as a version.
;; refused: the trial instance failed: ch_abi_version returned 65535.65535
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const -1))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
