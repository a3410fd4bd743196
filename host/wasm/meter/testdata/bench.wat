;; Guests at work, for benchmarks.
(module
  (memory 1)
  (func (export "trivial") (param i32) (result i32) (i32.const 0))
  ;; A loop that does nearly nothing.
  (func (export "loop") (param $n i32) (result i32) (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (i32.xor (local.get $sum) (local.get $n)) (i32.const 3)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $sum))
  ;; Counts the quotes in the first n bytes, as a parser does.
  (func (export "scan") (param $n i32) (result i32) (local $i i32) (local $quotes i32)
    (block $end
      (loop $again
        (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
        (if (i32.eq (i32.load8_u (local.get $i)) (i32.const 34))
          (then (local.set $quotes (i32.add (local.get $quotes) (i32.const 1)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (local.get $quotes))
  ;; Calls that call: Fibonacci's numbers.
  (func $fib (export "calls") (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1))) (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
  (func (export "copy") (param $n i32) (result i32)
    (memory.copy (i32.const 0) (i32.const 8) (local.get $n))
    (i32.const 0)))
