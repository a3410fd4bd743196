;; Exports whose names are no text that a terminal should see, and one without a name.
;; verdict: served
;; words: no answer
(module
  (memory (export "memory") 2)
  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))
  (func (export "ch_buffer") (param i32) (result i32) (i32.const 1024))
  (func (export "join") (param i32) (result i32) (i32.const 0))
  (func (export "handle_in") (param i32) (result i32)

    (i32.const 0))
  (export "" (memory 0))
  (export "\1b[2J\0a" (memory 0))
  (export "\e2\80\aetuo_eldnah" (memory 0)))
