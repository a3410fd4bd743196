;; Copies 63 MiB seven times, from the end on, since the ranges overlap.
;; verdict: fails in handle_in
;; words: limit out_of_fuel exceeded in handle_in
(module
  (memory (export "memory") 1024)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 0x3ff0000))
    (memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 0x3ff0000))
    (memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 0x3ff0000))
    (memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 0x3ff0000))
    (memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 0x3ff0000))
    (memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 0x3ff0000))
    (memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 0x3ff0000))
    (i32.const 0)))
