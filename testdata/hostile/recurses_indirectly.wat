;; Calls itself through a table for ever.
;; verdict: fails in handle_in
;; words: stack overflow
(module
  (memory (export "memory") 2)
  (table 1 funcref)
  (elem (i32.const 0) $self)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (call $self (i32.const 0)))
  (func $self (param i32) (result i32)
    (i32.add (i32.const 1) (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))))
