;; ch_init returns a number that is no status.
;; verdict: refused
;; words: contract broken in ch_init: status 77 was returned
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0))
  (func (export "ch_init") (result i32) (i32.const 77)))
