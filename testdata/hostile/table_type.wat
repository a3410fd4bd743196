;; A table of what is no reference.
;; verdict: refused
;; words: section table
;; words: 0x7f is no type of references
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\04\04\01\7f\00\01" ;; of i32
)
