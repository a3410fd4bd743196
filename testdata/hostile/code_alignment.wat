;; A load that says that it is aligned to 8 bytes, of 4.
;; verdict: refused
;; words: invalid memory alignment
;; wat2wasm --no-check
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.load align=8 (i32.const 0))))
