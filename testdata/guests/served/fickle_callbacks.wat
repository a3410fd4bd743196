;; A guest whose other callbacks mean something only while the clock's seconds are
;; even.
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "ch_callbacks") (result i32)
    (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 0)))
    (select (i32.const 0x85) (i32.const 0x05) ;; join, handle_in, ch_idle
      (i64.eqz (i64.rem_u (i64.div_u (i64.load (i32.const 0)) (i64.const 1000000000)) (i64.const 2)))))
  (func (export "ch_idle") (result i32) (i32.const 0))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) unreachable))
