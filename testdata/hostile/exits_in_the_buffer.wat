;; Ends itself where it is asked for room.
;; verdict: fails in handle_in
;; words: exit
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (if (i32.gt_u (local.get 0) (i32.const 4104)) (then (call $exit (i32.const 0)))) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)

    (i32.const 0)))
