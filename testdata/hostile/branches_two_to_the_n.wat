;; Recursion that is forty deep and has 2^40 leaves.
;; push: out_of_
(module
  (memory (export "memory") 2)
  (func $both (param $n i32) (result i32) (if (result i32) (local.get $n) (then (i32.add (call $both (i32.sub (local.get $n) (i32.const 1))) (call $both (i32.sub (local.get $n) (i32.const 1))))) (else (i32.const 1))))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (call $both (i32.const 40))))
