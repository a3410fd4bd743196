;; An import of a type that the module does not have.
;; verdict: refused
;; words: section import
;; words: (index)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\02\13\01\09chhost_v1\05reply\00M" ;; type 77 of 3
)
