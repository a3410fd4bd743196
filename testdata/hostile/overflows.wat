;; Divides the smallest number by -1.
;; verdict: fails in handle_in
;; words: integer overflow
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.div_s (i32.const 0x80000000) (i32.const -1))))
