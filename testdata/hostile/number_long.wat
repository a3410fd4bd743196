;; A number of 32 bits that is written with six bytes.
;; verdict: refused
;; words: section type
;; words: (leb128)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\06\80\80\80\80\80\00" ;; 0
)
