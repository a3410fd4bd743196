;; The callback that every event is given to is a function of WASI, fd_close.
;; verdict: fails in handle_in
;; words: status 8 was returned: allowed are [OK ERROR STOP]
(module
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (export "handle_in" (func $close)))
