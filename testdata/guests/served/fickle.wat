;; A guest that declares something else whenever the clock's seconds are odd.
(module
  (import "chhost_v1" "accept_binary" (func $accept_binary))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "ch_init") (result i32)
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 0)))
    (if (i64.ne (i64.const 0) (i64.rem_u (i64.div_u (i64.load (i32.const 0)) (i64.const 1000000000)) (i64.const 2)))
      (then (call $accept_binary)))
    (i32.const 0))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) unreachable))
