;; A type that is no type of functions.
;; verdict: refused
;; words: section type
;; words: 0x5f is no type of functions
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\05\01\5f\01\7f\00" ;; a struct of one i32, as garbage collection has it
)
