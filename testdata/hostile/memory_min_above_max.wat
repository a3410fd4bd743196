;; A memory that begins larger than it may become.
;; verdict: refused
;; words: the module is not valid WebAssembly: section memory
;; words: the minimum of a memory, 4, is above its maximum, 2
;; words: is above its maximum
;; wat2wasm --no-check
(module
  (memory (export "memory") 4 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
