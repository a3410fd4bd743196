;; The version of "Outgoing Messages": whoever joined with {"user_id":7} ignores that user,
;; and the Magic 8 Ball, which knows one answer, adds it to new:message. That event is
;; broadcast like new:msg, or no client could cause it.
;;
;;     def handle_out("user:joined", msg, socket) do
;;       if User.ignoring?(socket.assigns[:user], msg.user_id) do
;;         {:ok, socket}
;;       else
;;         reply socket, "user:joined", msg
;;       end
;;     end
;;     def handle_out("new:message", message, socket) do
;;       reply socket, "new:message", Dict.merge(message, magic_8_ball_sez: MagicEightBall.prediction)
;;     end
(module
  ;; event, its length, payload, its length, flags
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 32) "new:message")
  (data (i32.const 48) "new:msg")
  (data (i32.const 64) "user:joined")
  (data (i32.const 80) ",\"magic_8_ball_sez\":\"It is certain.\"}") ;; 37 bytes
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
  (func $is_new (param $ev i32) (result i32)
    (if (i32.lt_u (i32.load offset=20 (local.get $ev)) (i32.const 4)) (then (return (i32.const 0))))
    (call $same (i32.load offset=16 (local.get $ev)) (i32.const 32) (i32.const 4)))
  (func $broadcast_it (param $ev i32)
    (call $broadcast
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev))
      (i32.const 0)))
  (func $push_it (param $ev i32)
    (call $push
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev))
      (i32.const 0)))
  (func (export "ch_init") (result i32)
    (call $intercept (i32.const 64) (i32.const 11))
    (call $intercept (i32.const 32) (i32.const 11))
    (i32.const 0))
  ;; What is more than {} is whom to ignore.
  (func (export "join") (param $ev i32) (result i32)
    (if (i32.gt_u (i32.load offset=28 (local.get $ev)) (i32.const 2))
      (then (call $assign (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)))))
    (i32.const 0))
  (func (export "leave") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32)
    (if (i32.and
          (call $is_new (local.get $ev))
          (i32.eqz (i32.or
            (call $event_is (local.get $ev) (i32.const 48) (i32.const 7))
            (call $event_is (local.get $ev) (i32.const 32) (i32.const 11)))))
      (then (call $push_it (local.get $ev)))
      (else (call $broadcast_it (local.get $ev))))
    (i32.const 0))
  (func $ignoring (param $ev i32) (result i32)
    (if (i32.ne (i32.load offset=28 (local.get $ev)) (i32.load offset=36 (local.get $ev)))
      (then (return (i32.const 0))))
    (call $same
      (i32.load offset=24 (local.get $ev)) (i32.load offset=32 (local.get $ev)) (i32.load offset=28 (local.get $ev))))
  (func (export "handle_out") (param $ev i32) (result i32) (local $len i32)
    (if (call $event_is (local.get $ev) (i32.const 64) (i32.const 11))
      (then
        (if (i32.eqz (call $ignoring (local.get $ev))) (then (call $push_it (local.get $ev))))
        (return (i32.const 0))))
    ;; The message without its last brace, and the prediction behind it. What is too
    ;; long for the room between 128 and the host's region, or empty, passes as it is.
    (local.set $len (i32.sub (i32.load offset=28 (local.get $ev)) (i32.const 1)))
    (if (i32.or (i32.lt_u (local.get $len) (i32.const 2)) (i32.gt_u (local.get $len) (i32.const 800)))
      (then (return (i32.const 4))))
    (memory.copy (i32.const 128) (i32.load offset=24 (local.get $ev)) (local.get $len))
    (memory.copy (i32.add (i32.const 128) (local.get $len)) (i32.const 80) (i32.const 37))
    (call $push
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.const 128) (i32.add (local.get $len) (i32.const 37)) (i32.const 0))
    (i32.const 0)))
