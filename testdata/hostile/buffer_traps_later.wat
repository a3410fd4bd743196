;; ch_buffer traps when an event needs more room.
;; verdict: fails in handle_in
;; words: wasm: trap in setup
;; words: unreachable
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (if (i32.gt_u (local.get $size) (i32.const 4096)) (then (unreachable)))
    (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
