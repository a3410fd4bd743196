;; A global whose first value is computed, which is no part of WebAssembly 2.0.
;; verdict: refused
;; words: section global
;; words: more than one instruction
;; words: (opcode)
;; wat2wasm --enable-extended-const
(module
  (memory (export "memory") 2)
  (global i32 (i32.add (i32.const 1) (i32.const 2)))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
