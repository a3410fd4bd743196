;; Pushes to its client without end.
;; verdict: fails in handle_in
;; words: limit too_many_effects exceeded in handle_in: 256 are allowed
(module
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (data (i32.const 16) "t")
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (loop $again
      (call $push (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0))
      (br $again))
    (i32.const 0)))
