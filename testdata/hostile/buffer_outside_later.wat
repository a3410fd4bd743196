;; The region for an event that needs more room ends beyond the memory.
;; verdict: fails in handle_in
;; words: contract broken in setup
;; words: ch_buffer(
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 131064) (i32.const 1024) (i32.gt_u (local.get $size) (i32.const 4096))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
