;; Logs a line of 64 KiB: it is cut.
;; verdict: served
;; words: [cut]
(module
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (memory.fill (i32.const 0x10000) (i32.const 0x61) (i32.const 0x10000))
    (call $log (i32.const 1) (i32.const 0x10000) (i32.const 0x10000))
    (i32.const 0)))
