;; A block and a function with several results.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $two)
    (block (param i32 i32) (result i32) (i32.sub)))
  (func $two (result i32 i32) (i32.const 7) (i32.const 7)))
