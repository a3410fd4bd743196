;; Waits for a million clocks at once.
;; push: out_of_
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (loop $again (drop (call $poll_oneoff (i32.const 16) (i32.const 128) (i32.const 1000000) (i32.const 256)) )(br $again)) (i32.const 0)))
