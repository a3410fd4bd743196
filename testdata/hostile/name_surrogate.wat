;; The name of an export has half of a surrogate pair in it.
;; verdict: refused
;; words: section export
;; words: (utf8)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\05\03\01\00\02" ;; a memory of two pages
  "\07\07\01\03\ed\a0\80\00\02" ;; an export
)
