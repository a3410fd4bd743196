;; Aborts with a message of a million characters that is not there.
;; push: abort
(module
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (call $abort (i32.const 1000000) (i32.const -16) (i32.const 0) (i32.const 0)) (i32.const 0)))
