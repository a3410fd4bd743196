;; Logs what is beyond the memory.
;; verdict: fails in handle_in
;; words: log, argument ptr: 2 bytes at address 131071 are not in the memory
(module
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $log (i32.const 1) (i32.const 131071) (i32.const 2))
    (i32.const 0)))
