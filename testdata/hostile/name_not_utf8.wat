;; The name of an export is not UTF-8.
;; verdict: refused
;; words: section export
;; words: (utf8)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\05\03\01\00\02" ;; a memory of two pages
  "\07\09\01\05\6a\6f\ff\69\6e\00\02" ;; an export
)
