;; A section ends within what is in it.
;; verdict: refused
;; words: section type
;; words: (truncated)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0c\03\60\00\01\7f\60\01\7f\01\7f\60\00" ;; types without their last byte
)
