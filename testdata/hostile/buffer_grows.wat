;; ch_buffer grows the memory each time that it is called, in the midst of the host's work.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
