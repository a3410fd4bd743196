;; ch_buffer grows the memory by 16 MiB at a time until the host gives no more.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32)
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 256)) (i32.const -1))))
    (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
