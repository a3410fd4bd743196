;; A memory that may grow to 5 GiB, as one of 32 bits cannot.
;; verdict: refused
;; words: section memory
;; words: 65536 is the most
;; words: (bounds)
;; wat2wasm --no-check
(module
  (memory (export "memory") 1 81920)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
