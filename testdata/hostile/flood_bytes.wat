;; Broadcasts 60,000 bytes without end: more than 1 MiB before there are 256.
;; verdict: fails in handle_in
;; words: the effects of one callback may have 1048576 bytes
(module
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "t")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again
      (call $broadcast (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 60000) (i32.const 1))
      (br $again))
    (i32.const 0)))
