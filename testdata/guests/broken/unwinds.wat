;; Calls itself 70,000 times and works on the way back, a little after each call, so that
;; it is never asked whether it has fuel: it is found out when it has returned.
;; handle_in: LimitError: limit out_of_fuel exceeded in handle_in
(module
  (memory (export "memory") 64)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func $down (param $n i32)
    (if (local.get $n)
      (then
        (call $down (i32.sub (local.get $n) (i32.const 1)))
        (if (local.get $n)
          (then (memory.copy (i32.const 65536) (i32.const 131072) (i32.const 7900)))))))
  (func (export "handle_in") (param i32) (result i32)
    (call $down (i32.const 70000))
    (i32.const 0)))
