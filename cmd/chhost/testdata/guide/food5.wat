;; The version of "Incoming Messages": one event goes to everybody, the others match
;; nothing.
;;
;;     def handle_in("new:msg", message, socket) do
;;       broadcast! socket, "new:msg", message
;;     end
(module
  ;; event, its length, payload, its length, flags
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 32) "new:msg")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 130048))))
  ;; same compares n bytes.
  (func $same (param $a i32) (param $b i32) (param $n i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $n)) (then (return (i32.const 1))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next
        (i32.eq
          (i32.load8_u (i32.add (local.get $a) (local.get $n)))
          (i32.load8_u (i32.add (local.get $b) (local.get $n))))))
    (i32.const 0))
  (func $event_is (param $ev i32) (param $name i32) (param $len i32) (result i32)
    (if (i32.ne (i32.load offset=20 (local.get $ev)) (local.get $len)) (then (return (i32.const 0))))
    (call $same (i32.load offset=16 (local.get $ev)) (local.get $name) (local.get $len)))
  (func $broadcast_it (param $ev i32)
    (call $broadcast
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev))
      (i32.const 0)))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "leave") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32)
    (if (i32.eqz (call $event_is (local.get $ev) (i32.const 32) (i32.const 7))) (then (unreachable)))
    (call $broadcast_it (local.get $ev))
    (i32.const 0)))
