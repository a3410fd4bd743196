;; ch_buffer works for long when an event needs more room: it has as much fuel then as a
;; callback, not as much as at the start.
;; handle_in: LimitError: limit out_of_fuel exceeded in setup: the callback used more than 50000000 fuel
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (local $n i32)
    (if (i32.gt_u (local.get $size) (i32.const 4096))
      (then (loop $again (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 10000000))))))
    (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (i32.const 0)))
