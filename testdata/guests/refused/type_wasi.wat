;; clock_time_get with a precision of 32 bits.
;; refused: import "wasi_snapshot_preview1" "clock_time_get" has the type (i32, i32, i32) -> i32: expected (i32, i64, i32) -> i32
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
