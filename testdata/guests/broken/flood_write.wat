;; Writes a thousand buffers of no bytes in one call, again and again: it pays for
;; each buffer.
;; handle_in: LimitError: limit out_of_fuel exceeded in handle_in
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 64)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (local $n i32)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 4194304))
    (loop $again
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1000) (i32.const 4194300)))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10000))))
    (i32.const 0)))
