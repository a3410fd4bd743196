;; An export of a kind that does not exist.
;; verdict: refused
;; words: section export
;; words: nothing that can be exported
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\05\03\01\00\02" ;; a memory of two pages
  "\07\08\01\04\6a\6f\69\6e\09\00"
)
