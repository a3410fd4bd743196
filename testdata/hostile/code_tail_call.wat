;; A tail call, which is no part of WebAssembly 2.0.
;; verdict: refused
;; words: section code
;; words: (opcode)
;; wat2wasm --enable-tail-call
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (return_call $say (local.get $ev)))
  (func $say (param i32) (result i32) (i32.const 0)))
