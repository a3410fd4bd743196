;; A memory that may grow to 4 GiB, and asks for 2 GiB: it gets none.
;; verdict: served
;; words: {"grew":false}
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2 65536)
  (data (i32.const 16) "{\"grew\":false}")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (if (i32.ne (memory.grow (i32.const 32768)) (i32.const -1)) (then (unreachable)))
    (call $reply (i32.const 0) (i32.const 16) (i32.const 14) (i32.const 0))
    (i32.const 0)))
