;; A loop of vectors.
;; push: out_of_
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $v v128) (loop $again (local.set $v (i64x2.add (local.get $v) (v128.const i64x2 1 1))) (br $again)) (i32.const 0)))
