;; An atomic operation, which is no part of WebAssembly 2.0.
;; verdict: refused
;; words: section code
;; words: (opcode)
;; wat2wasm --enable-threads --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.atomic.load (i32.const 0))))
