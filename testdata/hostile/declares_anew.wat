;; Each instance hears other events than the last: what the first declared is what the
;; plugin has, and no other instance is used.
;; verdict: quarantined
;; words: this instance declares other callbacks
;; words: unavailable
(module
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (unreachable))
  (func (export "ch_init") (result i32)
    (local $n i32)
    (drop (call $random (i32.const 16) (i32.const 32)))
    (loop $again ;; random bytes become letters
      (i32.store8 offset=16 (local.get $n) (i32.or (i32.const 0x60) (i32.and (i32.const 15) (i32.load8_u offset=16 (local.get $n)))))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 32))))
    (call $intercept (i32.const 16) (i32.const 32))
    (i32.const 0))
  (func (export "handle_out") (param i32) (result i32) (i32.const 4)))
