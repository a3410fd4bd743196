;; A passive data segment that is copied, dropped, and dropped again.
;; verdict: served
;; words: {"honest":true}
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (memory.init $d (i32.const 16) (i32.const 0) (i32.const 15))
    (data.drop $d)
    (data.drop $d)
    (call $reply (i32.const 0) (i32.const 16) (i32.const 15) (i32.const 0))
    (i32.const 0))
  (data $d "{\"honest\":true}"))
