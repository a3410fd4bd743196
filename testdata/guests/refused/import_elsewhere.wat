;; An import from a module that nobody provides.
;; refused: import "host" "abort_now" is not served: functions are imported from "chhost_v1", "wasi_snapshot_preview1" and "env"
(module
  (import "host" "abort_now" (func (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
