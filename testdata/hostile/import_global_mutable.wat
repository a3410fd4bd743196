;; A global that guest and host would both write.
;; verdict: refused
;; words: import "env" "stack" is a global: only functions can be imported
(module
  (import "env" "stack" (global (mut i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
