;; Calls the host 200,000 times: the way into the host and back is paid for, or fuel
;; would last for seconds.
;; handle_in: LimitError: limit out_of_fuel exceeded in handle_in
(module
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 64)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32) (local $n i32)
    (loop $again
      (call $log (i32.const 0) (i32.const 0) (i32.const 0))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 200000))))
    (i32.const 0)))
