;; The memory has a second name, and that is one for a callback.
;; verdict: refused
;; words: "handle_out" is a memory
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)

    (i32.const 0))
  (export "handle_out" (memory 0)))
