;; Vector operations, which are metered, not refused.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (i32.sub (i32x4.extract_lane 2 (i32x4.mul (v128.const i32x4 1 2 3 4) (i32x4.splat (i32.const 3)))) (i32.const 9))))
