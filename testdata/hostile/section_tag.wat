;; A section of exceptions, which are no part of WebAssembly 2.0.
;; verdict: refused
;; words: there is no section 13
;; words: (order)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\0d\03\01\00\02" ;; one tag of type 2
)
