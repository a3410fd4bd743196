;; A WASI function of the wrong module.
;; refused: import "chhost_v1" "fd_write" is not served: "fd_write" belongs to the module "wasi_snapshot_preview1"
(module
  (import "chhost_v1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
