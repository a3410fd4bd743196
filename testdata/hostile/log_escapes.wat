;; Logs what would clear the operator's terminal and begin a new line.
;; served: \x1b[2J
;; served: msg=
(module
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\1b[2J\0d\0alevel=ERROR msg=forged")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (call $log (i32.const 1) (i32.const 16) (i32.const 28)) (i32.const 0)))
