;; wat2wasm --debug-names
;; A module that calls itself "victim" in its name section and has something to hide.
(module $victim
  (memory (export "memory") 1)
  (data (i32.const 0) "secret")
  (func $run (export "run") (result i32) (i32.const 0)))
