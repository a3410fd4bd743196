;; A global that is neither constant nor mutable.
;; verdict: refused
;; words: section global
;; words: neither constant nor mutable
;; words: (type)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\06\06\01\7f\02\41\00\0b"
)
