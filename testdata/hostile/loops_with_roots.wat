;; A loop of square roots.
;; verdict: fails in handle_in
;; words: limit out_of_fuel exceeded in handle_in
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)
    (local $x f64)
    (loop $again
      (local.set $x (f64.sqrt (f64.add (local.get $x) (f64.const 1e300))))
      (br $again))
    (i32.const 0)))
