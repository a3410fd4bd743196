;; Writes the same 64 KiB to its standard output 8,000 times in one call.
;; verdict: fails in handle_in
;; words: fd_write, argument iovs_len
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (local $n i32)
    (loop $more
      (i32.store (i32.add (i32.const 0x20000) (i32.shl (local.get $n) (i32.const 3))) (i32.const 0x10000))
      (i32.store offset=4 (i32.add (i32.const 0x20000) (i32.shl (local.get $n) (i32.const 3))) (i32.const 0x10000))
      (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8000))))
    (loop $again
      (drop (call $write (i32.const 1) (i32.const 0x20000) (i32.const 8000) (i32.const 16)))
      (br $again))
    (i32.const 0)))
