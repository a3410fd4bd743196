;; A guest that computes for as long as it is told: the digits of the payload (for
;; leave, which has none: of the assigns) are the number of thousands of rounds, each
;; of which costs 8 fuel. Everybody may join, and a client is answered {}.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 130048))))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32)
    (call $payload (local.get $ev))
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "leave") (param $ev i32) (result i32)
    (call $spin (call $number (i32.load offset=32 (local.get $ev)) (i32.load offset=36 (local.get $ev))))
    (i32.const 0))
  (func (export "handle_out") (param $ev i32) (result i32) (call $payload (local.get $ev)) (i32.const 0))

  (func $payload (param $ev i32)
    (call $spin (call $number (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)))))

  (func $spin (param $thousands i64) (local $rounds i64)
    (local.set $rounds (i64.mul (local.get $thousands) (i64.const 1000)))
    (block $done
      (loop $again
        (br_if $done (i64.eqz (local.get $rounds)))
        (local.set $rounds (i64.sub (local.get $rounds) (i64.const 1)))
        (br $again))))

  ;; The digits among so many bytes, as a number.
  (func $number (param $at i32) (param $len i32) (result i64) (local $n i64) (local $digit i32)
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $len)))
        (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
        (if (i32.lt_u (local.get $digit) (i32.const 10))
          (then (local.set $n (i64.add (i64.mul (local.get $n) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (br $again)))
    (local.get $n)))
