;; Fills all its memory with random bytes without end.
;; verdict: fails in handle_in
;; words: limit out_of_fuel exceeded in handle_in
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 64)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again
      (drop (call $random (i32.const 0) (i32.const 0x400000)))
      (br $again))
    (i32.const 0)))
