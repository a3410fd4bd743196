;; Fills a table from an element segment that it has dropped.
;; verdict: fails in handle_in
;; words: invalid table access
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (elem.drop $e)
    (table.init $e (i32.const 0) (i32.const 0) (i32.const 1))
    (i32.const 0))
  (table 4 funcref)
  (func $f)
  (elem $e func $f))
