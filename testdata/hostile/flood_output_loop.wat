;; Writes to its standard output for ever.
;; verdict: fails in handle_in
;; words: limit out_of_fuel exceeded in handle_in
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "\20\00\00\00\00\04\00\00")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (loop $again (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 8)) )(br $again)) (i32.const 0)))
