;; Two sleeps of 6 s in one callback, of which 10 s are allowed. No time passes.
;; handle_in: LimitError: limit sleep exceeded in handle_in: a callback may sleep 10s in all
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  ;; A subscription of 48 bytes: kind 0 (clock) at 8, the timeout in ns at 24.
  (data (i32.const 24) "\00\bc\a0\65\01\00\00\00") ;; 6,000,000,000
  (func $sleep (result i32) (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
  (func (export "handle_in") (param i32) (result i32) (i32.or (call $sleep) (call $sleep))))
