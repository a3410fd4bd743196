;; An import from a module that nobody provides.
;; refused: import "env" "abort" is not served: functions are imported from "chhost_v1" and "wasi_snapshot_preview1"
(module
  (import "env" "abort" (func (param i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
