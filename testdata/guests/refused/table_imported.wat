;; An imported table.
;; refused: import "env" "functions" is a table: only functions can be imported
(module
  (import "env" "functions" (table 1 funcref))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
