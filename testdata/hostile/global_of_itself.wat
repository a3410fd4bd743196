;; A global whose first value is the global itself.
;; verdict: refused
;; words: section global
;; words: global 0 does not exist
;; words: (index)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\06\06\01\7f\00\23\00\0b" ;; i32, constant, global.get 0
)
