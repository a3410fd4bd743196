;; An import of a kind that does not exist.
;; verdict: refused
;; words: section import
;; words: nothing that can be imported
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\02\13\01\09\63\68\68\6f\73\74\5f\76\31\05\72\65\70\6c\79\09\00"
)
