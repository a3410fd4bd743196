;; A component, not a core module.
;; verdict: refused
;; words: this is a WebAssembly component
(module binary
  "\00\61\73\6d\0d\00\01\00"
)
