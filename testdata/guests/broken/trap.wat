;; What was asked for before a trap does not happen.
;; handle_in: TrapError: unreachable
;; join: TrapError: unreachable
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (export "join" (func $half))
  (data (i32.const 0) "new:msg")
  (func $half (export "handle_in") (param i32) (result i32)
    (call $broadcast (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $assign (i32.const 0) (i32.const 7))
    unreachable))
