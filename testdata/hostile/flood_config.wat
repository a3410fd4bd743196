;; Asks for a setting for ever.
;; push: out_of_
(module
  (import "chhost_v1" "config_get" (func $config_get (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "chhost.plugin")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (loop $again (drop (call $config_get (i32.const 16) (i32.const 13) (i32.const 64) (i32.const 64)) )(br $again)) (i32.const 0)))
