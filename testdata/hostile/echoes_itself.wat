;; Hears its own topic and broadcasts whenever it hears something: it ends after a few
;; hops.
;; verdict: served
;; words: no answer
(module
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "hostileagain")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32)
    (call $subscribe (i32.const 16) (i32.const 7))
    (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (call $broadcast (i32.const 23) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "handle_info") (param i32) (result i32)
    (call $broadcast (i32.const 23) (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0))
    (i32.const 0)))
