;; Fills the largest table again and again.
;; push: out_of_
(module
  (memory (export "memory") 2)
  (table $t 65000 funcref)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (loop $again (table.fill $t (i32.const 0) (ref.null func) (i32.const 65000)) (br $again)) (i32.const 0)))
