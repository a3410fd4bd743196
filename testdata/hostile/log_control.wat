;; Logs what would clear a terminal: it is escaped.
;; verdict: served
;; words: \x1b[2Jgone
(module
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\1b[2Jgone")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $log (i32.const 1) (i32.const 16) (i32.const 8))
    (i32.const 0)))
