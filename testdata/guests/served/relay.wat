;; A guest that arranges things for later. Its events:
;;
;;   later   is answered a second later, with its own payload
;;   tick    is pushed back every five seconds, with its own payload
;;   stop    ends that
;;   listen  lets the client hear the topic relay:news
;;   mute    ends that
;;   tell    is told to relay:news, as the event "told"
;;   whoami  is answered with what connect assigned to the socket
;;
;; A client whose connection mentions an intruder is refused, one that is outdated
;; with the status 401. After an upgrade the client is told the version that it comes
;; from. There is the same in Go in host/channel/channeltest/relay.go.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "cancel" (func $cancel (param i32)))
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (import "chhost_v1" "unsubscribe" (func $unsubscribe (param i32 i32)))
  (import "chhost_v1" "accept_binary" (func $accept_binary))

  (memory (export "memory") 8)
  (data (i32.const 16) "latertickstoplistenmutetellwhoami")
  (data (i32.const 64) "relay:news")
  (data (i32.const 80) "told")
  (data (i32.const 96) "upgraded")
  (data (i32.const 112) "intruder")
  (data (i32.const 120) "outdated")
  (data (i32.const 128) "{\"user\":\"jo\"}")
  (data (i32.const 160) "{\"id\":\"users:jo\"}")
  (data (i32.const 192) "{\"reason\":\"unknown event\"}")
  (data (i32.const 224) "{\"reason\":\"unauthorized\"}")
  (data (i32.const 256) "{\"from\":\"") ;; and then the version
  (data (i32.const 640) "{\"status\":401,\"reason\":\"outdated\"}")

  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 4096) (i32.const 0) (i32.le_u (local.get $size) (i32.const 520192))))
  (func (export "ch_init") (result i32) (call $accept_binary) (i32.const 0))

  (func $event (param $ev i32) (result i32) (i32.load offset=16 (local.get $ev)))
  (func $event_len (param $ev i32) (result i32) (i32.load offset=20 (local.get $ev)))
  (func $payload (param $ev i32) (result i32) (i32.load offset=24 (local.get $ev)))
  (func $payload_len (param $ev i32) (result i32) (i32.load offset=28 (local.get $ev)))

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

  (func $is (param $ev i32) (param $name i32) (param $len i32) (result i32)
    (if (i32.ne (call $event_len (local.get $ev)) (local.get $len)) (then (return (i32.const 0))))
    (call $same (call $event (local.get $ev)) (local.get $name) (local.get $len)))

  ;; again arms a timer with the event in hand.
  (func $again (param $ev i32) (param $key i32) (param $ms i32)
    (call $send_after (local.get $key) (local.get $ms)
      (call $event (local.get $ev)) (call $event_len (local.get $ev))
      (call $payload (local.get $ev)) (call $payload_len (local.get $ev)) (i32.const 0)))

  (func $push_on (param $ev i32)
    (call $push (call $event (local.get $ev)) (call $event_len (local.get $ev))
      (call $payload (local.get $ev)) (call $payload_len (local.get $ev)) (i32.const 0)))

  (func $ok (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))

  (func (export "join") (param i32) (result i32) (i32.const 0))

  (func (export "handle_in") (param $ev i32) (result i32)
    (if (call $is (local.get $ev) (i32.const 16) (i32.const 5)) ;; later
      (then
        (call $assign (i32.add (local.get $ev) (i32.const 68)) (i32.const 4)) ;; the ref
        (call $again (local.get $ev) (i32.const 1) (i32.const 1000))
        (return (i32.const 0))))
    (if (call $is (local.get $ev) (i32.const 21) (i32.const 4)) ;; tick
      (then
        (call $again (local.get $ev) (i32.const 2) (i32.const 5000))
        (call $ok)
        (return (i32.const 0))))
    (if (call $is (local.get $ev) (i32.const 25) (i32.const 4)) ;; stop
      (then (call $cancel (i32.const 2)) (call $ok) (return (i32.const 0))))
    (if (call $is (local.get $ev) (i32.const 29) (i32.const 6)) ;; listen
      (then (call $subscribe (i32.const 64) (i32.const 10)) (call $ok) (return (i32.const 0))))
    (if (call $is (local.get $ev) (i32.const 35) (i32.const 4)) ;; mute
      (then (call $unsubscribe (i32.const 64) (i32.const 10)) (call $ok) (return (i32.const 0))))
    (if (call $is (local.get $ev) (i32.const 39) (i32.const 4)) ;; tell
      (then
        (call $broadcast_to (i32.const 64) (i32.const 10) (i32.const 80) (i32.const 4)
          (call $payload (local.get $ev)) (call $payload_len (local.get $ev)) (i32.const 0))
        (call $ok)
        (return (i32.const 0))))
    (if (call $is (local.get $ev) (i32.const 43) (i32.const 6)) ;; whoami
      (then
        (call $reply (i32.const 0) (i32.load offset=40 (local.get $ev)) (i32.load offset=44 (local.get $ev)) (i32.const 0))
        (return (i32.const 0))))
    (call $reply (i32.const 1) (i32.const 192) (i32.const 26) (i32.const 0))
    (i32.const 0))

  (func (export "handle_info") (param $ev i32) (result i32) (local $kind i32)
    (local.set $kind (i32.load offset=64 (local.get $ev)))
    (if (i32.eq (local.get $kind) (i32.const 2)) ;; a broadcast
      (then (call $push_on (local.get $ev))))
    (if (i32.ne (local.get $kind) (i32.const 1)) ;; no timer
      (then (return (i32.const 0))))
    (if (i32.eq (i32.load offset=68 (local.get $ev)) (i32.const 1)) ;; the key
      (then
        (call $reply_to (i32.load (i32.load offset=32 (local.get $ev))) (i32.const 0)
          (call $payload (local.get $ev)) (call $payload_len (local.get $ev)) (i32.const 0)))
      (else
        (call $push_on (local.get $ev))
        (call $again (local.get $ev) (i32.const 2) (i32.const 5000))))
    (i32.const 0))

  (func (export "upgrade") (param $ev i32) (result i32) (local $len i32)
    (local.set $len (call $event_len (local.get $ev)))
    (memory.copy (i32.const 265) (call $event (local.get $ev)) (local.get $len))
    (i32.store16 (i32.add (i32.const 265) (local.get $len)) (i32.const 0x7d22)) ;; "}
    (call $push (i32.const 96) (i32.const 8) (i32.const 256) (i32.add (local.get $len) (i32.const 11)) (i32.const 0))
    (i32.const 0))

  (func (export "connect") (param $ev i32) (result i32) (local $at i32) (local $end i32)
    (local.set $at (call $payload (local.get $ev)))
    (local.set $end (i32.add (local.get $at) (call $payload_len (local.get $ev))))
    (block $none
      (loop $next
        (br_if $none (i32.gt_u (i32.add (local.get $at) (i32.const 8)) (local.get $end)))
        (if (call $same (local.get $at) (i32.const 112) (i32.const 8))
          (then
            (call $reply (i32.const 1) (i32.const 224) (i32.const 25) (i32.const 0))
            (return (i32.const 1))))
        (if (call $same (local.get $at) (i32.const 120) (i32.const 8))
          (then
            (call $reply (i32.const 1) (i32.const 640) (i32.const 34) (i32.const 0))
            (return (i32.const 1))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    (call $assign (i32.const 128) (i32.const 13))
    (call $reply (i32.const 0) (i32.const 160) (i32.const 17) (i32.const 0))
    (i32.const 0)))
