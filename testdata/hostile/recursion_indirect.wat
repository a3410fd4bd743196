;; Calls itself for ever through the table.
;; push: stack overflow
(module
  (memory (export "memory") 2)
  (type $t (func (result i32)))
  (table 1 funcref)
  (elem (i32.const 0) $a)
  (func $a (type $t) (i32.add (i32.const 1) (call_indirect (type $t) (i32.const 0))))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (call $a)))
