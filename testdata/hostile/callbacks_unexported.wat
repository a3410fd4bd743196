;; ch_callbacks names a callback that is not exported.
;; verdict: refused
;; words: ch_callbacks names handle_out
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0))
  (func (export "ch_callbacks") (result i32) (i32.const 0xd)))
