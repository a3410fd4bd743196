;; A global of a type that does not exist.
;; verdict: refused
;; words: section global
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\06\06\01\11\00\41\00\0b"
)
