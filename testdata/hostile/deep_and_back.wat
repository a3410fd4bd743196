;; Ten thousand calls deep and back, again and again: no stack overflows.
;; push: out_of_
(module
  (memory (export "memory") 2)
  (func $down (param $n i32) (result i32) (if (result i32) (local.get $n) (then (i32.add (i32.const 1) (call $down (i32.sub (local.get $n) (i32.const 1))))) (else (i32.const 0))))
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param $size i32) (result i32) (i32.const 1024))
  (func (export "join") (param $ev i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param $ev i32) (result i32) (loop $again (drop (call $down (i32.const 10000))) (br $again)) (i32.const 0)))
