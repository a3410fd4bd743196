;; Calls a function of the host through a table, and asks it for what lies outside.
;; verdict: fails in handle_in
;; words: push
(module
  (type $push (func (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call_indirect (type $push) (i32.const 0) (i32.const 4) (i32.const 0x7fffffff) (i32.const 16) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (table 1 funcref)
  (elem (i32.const 0) $push)
  (data (i32.const 0) "say!"))
