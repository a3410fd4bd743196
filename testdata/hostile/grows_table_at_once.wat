;; Asks for a table of 2^31 elements: it gets none.
;; verdict: served
;; words: {"grew":false}
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (table 1 funcref)
  (data (i32.const 16) "{\"grew\":false}")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (if (i32.ne (table.grow 0 (ref.null func) (i32.const 0x7fffffff)) (i32.const -1)) (then (unreachable)))
    (call $reply (i32.const 0) (i32.const 16) (i32.const 14) (i32.const 0))
    (i32.const 0)))
