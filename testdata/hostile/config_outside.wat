;; Asks for a setting to be written beyond the end of the memory.
;; verdict: fails in handle_in
;; words: config_get
(module
  (import "chhost_v1" "config_get" (func $config_get (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (drop (call $config_get (i32.const 0) (i32.const 13) (i32.const 131000) (i32.const 1000)))
    (i32.const 0))
  (data (i32.const 0) "chhost.plugin"))
