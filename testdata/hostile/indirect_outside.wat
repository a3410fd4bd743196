;; Calls an element beyond the end of the table.
;; verdict: fails in handle_in
;; words: invalid table access
(module
  (memory (export "memory") 2)
  (table 1 funcref)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call_indirect (param i32) (result i32) (i32.const 0) (i32.const 9))))
