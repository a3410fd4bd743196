;; handle_in calls an element of a table that is not there.
;; handle_in: TrapError: invalid table access
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (table 1 funcref)
  (type $f (func))
  (func (export "handle_in") (param i32) (result i32) (call_indirect (type $f) (i32.const 0)) (i32.const 0)))
