;; An element segment says that it has 2^32-1 functions.
;; verdict: refused
;; words: section element
;; words: (count)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\04\04\01\70\00\01" ;; a table
  "\09\0a\01\00\41\00\0b\ff\ff\ff\ff\0f" ;; a segment at 0 of 2^32-1
)
