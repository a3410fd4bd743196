;; Sections in which tools find what they believe: branch hints, a linker, a debugger, a component.
;; verdict: served
;; words: no answer
(module binary
  "\00\61\73\6d\01\00\00\00" ;; the header
  "\01\0d\03\60\00\01\7f\60\01\7f\01\7f\60\00\00" ;; types: () -> i32, i32 -> i32, () -> ()
  "\03\05\04\00\01\01\01" ;; four functions
  "\05\03\01\00\02" ;; a memory of two pages
  "\07:\05\06memory\02\00\0ech_abi_version\00\00\09ch_buffer\00\01\04join\00\02\09handle_in\00\03" ;; their exports
  "\0a\18\04\06\00\41\80\80\04\0b\05\00\41\80\08\0b\04\00\41\00\0b\04\00\41\00\0b" ;; their code; the last is handle_in
  "\00\24\19\6d\65\74\61\64\61\74\61\2e\63\6f\64\65\2e\62\72\61\6e\63\68\5f\68\69\6e\74\ff\ff\ff\ff\0f\ff\ff\ff\ff\0f\00\0f\08\64\79\6c\69\6e\6b\2e\30\01\ff\ff\ff\ff\0f\00\1c\0b\2e\64\65\62\75\67\5f\69\6e\66\6f\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\00\17\0e\63\6f\6d\70\6f\6e\65\6e\74\2d\74\79\70\65\00\61\73\6d\0d\00\01\00"
)
