;; A loop whose loads miss every cache.
;; push: out_of_
(module
  (memory (export "memory") 900)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $a i32) (loop $again (local.set $a (i32.and (i32.add (i32.mul (local.get $a) (i32.const 1664525)) (i32.add (i32.const 1013904223) (i32.load (local.get $a)))) (i32.const 0x37fffc0))) (br $again)) (i32.const 0)))
