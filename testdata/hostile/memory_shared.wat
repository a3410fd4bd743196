;; A memory that threads share.
;; verdict: refused
;; words: section memory
;; words: flags 0x3
;; words: (type)
;; wat2wasm --enable-threads
(module
  (memory (export "memory") 1 2 shared)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
