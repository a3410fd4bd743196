;; Everything that is wrong with ch_callbacks is listed at once.
;; refused: the trial instance failed: ch_callbacks returned 0x8000000a: the bits 0x80000000 are not served
;; refused: the trial instance failed: ch_callbacks leaves out join
;; refused: the trial instance failed: ch_callbacks names leave
;; refused: the trial instance failed: ch_callbacks names handle_out
(module
  (memory (export "memory") 1)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "ch_callbacks") (result i32) (i32.const 0x8000000a)))
