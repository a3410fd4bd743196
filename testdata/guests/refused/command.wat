;; A WASI command, which a Go build without -buildmode=c-shared makes: it would
;; run once, and its exports trap until it has.
;; refused: the module is a command, which runs once (it exports _start)
(module
  (memory (export "memory") 1)
  (func (export "_start"))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0)))
