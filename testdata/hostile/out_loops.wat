;; Does not come back from a broadcast of its own that it intercepts.
;; later: out_of_
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "e{}")
  (func (export "handle_out") (param $ev i32) (result i32) (loop $again (br $again)) (i32.const 0))
  (func (export "ch_init") (result i32) (call $intercept (i32.const 16) (i32.const 1)) (i32.const 0))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (call $broadcast (i32.const 16) (i32.const 1) (i32.const 17) (i32.const 2) (i32.const 0)) (i32.const 0)))
