;; Calls behind the table.
;; push: invalid table access
(module
  (memory (export "memory") 2)
  (type $t (func (param i32) (result i32)))
  (table 2 funcref)
  (func $other (result f64) (f64.const 0))
  (elem (i32.const 0) $other)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (call_indirect (type $t) (i32.const 1) (i32.const -1))))
