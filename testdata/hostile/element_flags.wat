;; An element segment of a kind that does not exist.
;; verdict: refused
;; words: an element segment has the flags 0x8
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\04\04\01\70\00\01" ;; a table
  "\09\06\01\08\41\00\0b\00"
)
