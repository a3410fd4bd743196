;; A callback that calls the others as functions, each of them ten thousand times.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func $buffer (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func $join (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (local $n i32)
    (local.set $n (i32.const 10000))
    (loop $again
      (drop (call $join (local.get $ev)))
      (drop (call $buffer (i32.const 65536)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0)))
