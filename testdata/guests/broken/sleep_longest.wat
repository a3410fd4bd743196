;; A sleep of 2^64-1 ns.
;; handle_in: LimitError: limit sleep exceeded
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (data (i32.const 24) "\ff\ff\ff\ff\ff\ff\ff\7f")
  (func (export "handle_in") (param i32) (result i32) (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
