;; What was asked for before a trap does not happen.
;; handle_in: TrapError: unreachable
;; join: TrapError: unreachable
;; handle_info: TrapError: wasm: trap in handle_info: 
;; upgrade: TrapError: wasm: trap in upgrade: 
;; connect: TrapError: wasm: trap in connect: 
;; ch_idle: TrapError: wasm: trap in ch_idle: 
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (export "join" (func $half))
  (data (i32.const 0) "new:msg")
  (export "handle_info" (func $half))
  (func (export "ch_idle") (result i32) unreachable)
  (func (export "upgrade") (export "connect") (param i32) (result i32)
    (call $assign (i32.const 0) (i32.const 7))
    unreachable)
  (func $half (export "handle_in") (param i32) (result i32)
    (call $broadcast (i32.const 0) (i32.const 7) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $assign (i32.const 0) (i32.const 7))
    unreachable))
