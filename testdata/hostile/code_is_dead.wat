;; Code that is never reached, on a stack of any type: calls of the host, growth, copies and loops.
;; verdict: served
;; words: no answer
(module
  (type $t (func (param i32 i64 f32) (result f64)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (local $n i32)
    (block $out
      (br $out)
      (unreachable)
      (memory.copy) (memory.fill) (memory.grow) (table.copy 0 0) (table.fill 0) (drop) (select) (drop)
      (call $push) (call_indirect (type $t)) (drop)
      (loop (unreachable) (br_table 0 1 0)) (br_if $out) (local.tee $n) (drop) (global.set $g) (memory.init $d) (table.grow 0) (drop) (return))
    (i32.const 0))
  (global $g (mut i64) (i64.const 0))
  (table 1 funcref)
  (data $d "x"))
