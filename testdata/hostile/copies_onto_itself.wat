;; Moves 192 KiB by a byte, forwards and back, and traps unless all of it is as it was.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 4)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (local $n i32)
    (loop $fill
      (i32.store8 offset=8192 (local.get $n) (i32.mul (local.get $n) (i32.const 167)))
      (br_if $fill (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 196608))))
    (memory.copy (i32.const 8193) (i32.const 8192) (local.get $n))
    (memory.copy (i32.const 8190) (i32.const 8193) (local.get $n))
    (loop $check
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (if (i32.ne (i32.load8_u offset=8190 (local.get $n)) (i32.and (i32.mul (local.get $n) (i32.const 167)) (i32.const 255)))
        (then (unreachable)))
      (br_if $check (local.get $n)))
    (i32.const 0)))
