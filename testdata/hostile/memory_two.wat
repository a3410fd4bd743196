;; Two memories.
;; verdict: refused
;; words: 2 memories: 1 are allowed
;; words: (budget)
;; wat2wasm --enable-multi-memory
(module
  (memory (export "memory") 1)
  (memory 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
