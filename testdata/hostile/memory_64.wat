;; A memory with addresses of 64 bits.
;; verdict: refused
;; words: section memory
;; words: flags 0x4
;; words: (type)
;; wat2wasm --enable-memory64 --no-check
(module
  (memory (export "memory") i64 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
