;; Asks for the time 200,000 times, which is a call of the host like any other.
;; handle_in: LimitError: limit out_of_fuel exceeded in handle_in
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 64)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (local $n i32)
    (loop $again
      (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 0)))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200000))))
    (i32.const 0)))
