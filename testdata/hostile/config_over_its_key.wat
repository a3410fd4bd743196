;; Asks for a setting to be written over its own name, a thousand times.
;; verdict: served
;; words: no answer
(module
  (import "chhost_v1" "config_get" (func $config_get (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (local $n i32)
    (local.set $n (i32.const 1000))
    (loop $again
      (drop (call $config_get (i32.const 0) (i32.const 13) (i32.const 0) (i32.const 13)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.const 0))
  (data (i32.const 0) "chhost.plugin"))
