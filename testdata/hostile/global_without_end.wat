;; The expression of a global has no end.
;; verdict: refused
;; words: section global
;; words: (truncated)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\06\05\01\7f\00\41\00" ;; i32, constant, i32.const 0
)
