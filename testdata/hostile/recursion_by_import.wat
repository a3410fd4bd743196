;; Asks the host to call it back: there is no such thing, so it floods.
;; push: out_of_
(module
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (loop $again (call $log (i32.const 1) (i32.const 16) (i32.const 1)) (br $again)) (i32.const 0)))
