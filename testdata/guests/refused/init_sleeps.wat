;; ch_init sleeps longer than a callback may. No time passes.
;; refused: the trial instance failed: wasm: limit sleep exceeded in ch_init
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  ;; A subscription of 48 bytes: kind 0 (clock) at 8, the timeout in ns at 24.
  (data (i32.const 24) "\00\68\c0\8a\17\00\00\00") ;; 101,112,000,000
  (func (export "ch_init") (result i32) (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128))))
