;; A module has at most one table.
;; refused: the module has 2 tables: one is allowed
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (table 1 funcref)
  (table 1 externref))
