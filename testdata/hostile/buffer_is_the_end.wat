;; The room for events ends where the memory does.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 1 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.sub (i32.const 65536) (local.get 0)))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)

    (i32.const 0)))
