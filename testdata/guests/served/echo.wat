;; The smallest useful guest, by hand: what a client sends goes to everybody, byte
;; for byte, and the client is told that it did. No SDK, no compiler, no library;
;; abi/ABI.md says what each name and number is. To see it at work:
;;
;;     chhost serve --route 'echo:*=testdata/guests/served/echo.wasm'
(module
  ;; event, its length, payload, its length, flags
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  ;; status, payload, its length, flags
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000)) ;; 1.0
  ;; Where the host writes events: all but the first KiB of the memory. What needs
  ;; more is answered payload_too_large.
  (func (export "ch_buffer") (param $size i32) (result i32)
    (select (i32.const 1024) (i32.const 0) (i32.le_u (local.get $size) (i32.const 130048))))
  ;; Everybody may join every topic.
  (func (export "join") (param i32) (result i32) (i32.const 0))
  ;; The event struct holds addresses and lengths: of the event's name at 16 and 20,
  ;; of the payload at 24 and 28. A reply of length 0 is {}.
  (func (export "handle_in") (param $ev i32) (result i32)
    (call $broadcast
      (i32.load offset=16 (local.get $ev)) (i32.load offset=20 (local.get $ev))
      (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev))
      (i32.const 0))
    (call $reply (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
