;; A guest that breaks the contract when it is told to, after it has asked for a
;; broadcast: by the first letter of the event,
;;
;;   t traps, s returns a status that there is not, p hands over a pointer
;;   outside of its memory, j broadcasts what is not JSON;
;;
;; any other event is replied to with its payload. testdata/conversations/faults.txt
;; shows what clients see.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 8)
  (data (i32.const 16) "lost")
  (data (i32.const 32) "{\22not\22: json}")

  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 4096) (i32.const 0) (i32.lt_u (local.get $size) (i32.const 0x70000))))
  (func (export "join") (param i32) (result i32) (i32.const 0))

  (func (export "handle_in") (param $ev i32) (result i32) (local $letter i32)
    (local.set $letter (i32.load8_u (i32.load offset=16 (local.get $ev))))
    (if (i32.eqz (call $known (local.get $letter)))
      (then
        (call $reply (i32.const 0) (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev)) (i32.const 0))
        (return (i32.const 0))))
    (call $broadcast (i32.const 16) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0))
    (if (i32.eq (local.get $letter) (i32.const 0x74)) (then (unreachable))) ;; t
    (if (i32.eq (local.get $letter) (i32.const 0x73)) (then (return (i32.const 99)))) ;; s
    (if (i32.eq (local.get $letter) (i32.const 0x70)) ;; p
      (then (call $broadcast (i32.const 16) (i32.const 4) (i32.const 0x7fffffff) (i32.const 100) (i32.const 0))))
    (call $broadcast (i32.const 16) (i32.const 4) (i32.const 32) (i32.const 13) (i32.const 0)) ;; j
    (i32.const 0))

  (func $known (param $letter i32) (result i32)
    (i32.or
      (i32.or (i32.eq (local.get $letter) (i32.const 0x74)) (i32.eq (local.get $letter) (i32.const 0x73)))
      (i32.or (i32.eq (local.get $letter) (i32.const 0x70)) (i32.eq (local.get $letter) (i32.const 0x6a))))))
