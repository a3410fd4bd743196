;; A relaxed vector operation, whose result depends on the machine.
;; verdict: refused
;; words: section code
;; words: (opcode)
;; wat2wasm --enable-relaxed-simd
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))
    (i32.const 0)))
