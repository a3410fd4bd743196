;; Functions are declared, and there is no section of code.
;; verdict: refused
;; words: 4 functions are declared and 0 have code
;; words: (count)
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\05\03\01\00\02" ;; a memory of two pages
  "\07:\05\06memory\02\00\0ech_abi_version\00\00\09ch_buffer\00\01\04join\00\02\09handle_in\00\03" ;; their exports
)
