;; Broadcasts to the topic of a neighbour, whose clients are to hear nothing of it but a broadcast.
;; served
(module
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "neighbour.e{}")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (call $broadcast_to (i32.const 16) (i32.const 9) (i32.const 26) (i32.const 1) (i32.const 27) (i32.const 2) (i32.const 0)) (i32.const 0)))
