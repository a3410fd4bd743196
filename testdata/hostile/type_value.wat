;; A type of values that does not exist.
;; verdict: refused
;; words: section type
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\05\01\60\01\11\00"
)
