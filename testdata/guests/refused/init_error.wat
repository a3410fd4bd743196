;; The guest itself refuses to start.
;; refused: the trial instance failed: ch_init returned ERROR: the plugin refuses to start, see its log
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_init") (result i32) (i32.const 1)))
