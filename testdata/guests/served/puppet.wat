;; A guest that does what it is told: the assigns, or the payload if there are
;; none, are a list of records of 32 bytes, eight little endian numbers:
;;
;;   op, relative, a, b, c, d, e, f
;;
;; The bits of relative say to which of the arguments the list's address is to be
;; added. Each op calls an import, or does what is written beside it, and keeps
;; the result, if any, at address 0. An op with a seventh argument has it in the
;; first number of another record. Op 0, or the end of the list, returns a.
;;
;; ch_init does what the setting "init" says, ch_idle what is at address 2048.
;;
;; Addresses below 4096 are free for use. The region begins at 4096.
(module
  (import "chhost_v1" "reply" (func $reply (param i32 i32 i32 i32)))
  (import "chhost_v1" "push" (func $push (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast" (func $broadcast (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_from" (func $broadcast_from (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "assign" (func $assign (param i32 i32)))
  (import "chhost_v1" "intercept" (func $intercept (param i32 i32)))
  (import "chhost_v1" "accept_binary" (func $accept_binary))
  (import "chhost_v1" "log" (func $log (param i32 i32 i32)))
  (import "chhost_v1" "config_get" (func $config_get (param i32 i32 i32 i32) (result i32)))
  (import "chhost_v1" "reply_to" (func $reply_to (param i32 i32 i32 i32 i32)))
  (import "chhost_v1" "broadcast_to" (func $broadcast_to (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "send_after" (func $send_after (param i32 i32 i32 i32 i32 i32 i32)))
  (import "chhost_v1" "cancel" (func $cancel (param i32)))
  (import "chhost_v1" "subscribe" (func $subscribe (param i32 i32)))
  (import "chhost_v1" "unsubscribe" (func $unsubscribe (param i32 i32)))
  (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
  (import "env" "seed" (func $seed (result f64)))
  (import "env" "trace" (func $trace (param i32 i32 f64 f64 f64 f64 f64)))
  (import "env" "console.log" (func $console_log (param i32)))
  (import "env" "Date.now" (func $date_now (result f64)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))

  (memory (export "memory") 4)
  (data (i32.const 1020) "init")
  (global $list (mut i32) (i32.const 0))   ;; where the list begins
  (global $record (mut i32) (i32.const 0)) ;; where the current record is

  (func (export "ch_abi_version") (result i32) (i32.const 0x10000))

  (func (export "ch_buffer") (param $size i32) (result i32) (local $missing i32)
    (local.set $missing
      (i32.sub
        (i32.shr_u (i32.add (local.get $size) (i32.const 0x10fff)) (i32.const 16))
        (memory.size)))
    (if (i32.gt_s (local.get $missing) (i32.const 0))
      (then
        (if (i32.eq (memory.grow (local.get $missing)) (i32.const -1))
          (then (return (i32.const 0))))))
    (i32.const 4096))

  (func $arg (param $n i32) (result i32)
    (i32.add
      (i32.load offset=8 (i32.add (global.get $record) (i32.shl (local.get $n) (i32.const 2))))
      (select (global.get $list) (i32.const 0)
        (i32.and (i32.const 1) (i32.shr_u (i32.load offset=4 (global.get $record)) (local.get $n))))))
  (func $a (result i32) (call $arg (i32.const 0)))
  (func $b (result i32) (call $arg (i32.const 1)))
  (func $c (result i32) (call $arg (i32.const 2)))
  (func $d (result i32) (call $arg (i32.const 3)))
  (func $e (result i32) (call $arg (i32.const 4)))
  (func $f (result i32) (call $arg (i32.const 5)))
  (func $g (result i32)
    (global.set $record (i32.add (global.get $record) (i32.const 32)))
    (i32.load (global.get $record)))

  (func (export "ch_init") (result i32)
    (i32.store (i32.const 0)
      (call $config_get (i32.const 1020) (i32.const 4) (i32.const 2048) (i32.const 2048)))
    (if (i32.le_s (i32.load (i32.const 0)) (i32.const 0))
      (then (return (i32.const 0))))
    (call $run (i32.const 2048) (i32.load (i32.const 0))))

  (func (export "ch_idle") (result i32)
    (call $run (i32.const 2048) (i32.const 2048)))

  (func (export "join") (export "leave") (export "handle_in") (export "handle_out")
    (export "handle_info") (export "upgrade") (export "connect")
    (param $ev i32) (result i32)
    (if (i32.load offset=36 (local.get $ev))
      (then
        (return (call $run (i32.load offset=32 (local.get $ev)) (i32.load offset=36 (local.get $ev))))))
    (call $run (i32.load offset=24 (local.get $ev)) (i32.load offset=28 (local.get $ev))))

  (func $run (param $list i32) (param $end i32) (result i32)
    (global.set $list (local.get $list))
    (local.set $end (i32.add (local.get $end) (global.get $list)))
    (global.set $record (global.get $list))
    (loop $next
      (if (i32.gt_u (i32.add (global.get $record) (i32.const 32)) (local.get $end))
        (then (return (i32.const 0))))
      (if (i32.eqz (i32.load (global.get $record)))
        (then (return (call $a))))
      (call $do (i32.load (global.get $record)))
      (global.set $record (i32.add (global.get $record) (i32.const 32)))
      (br $next))
    (unreachable))

  (func $do (param $op i32)
    (block $skip
    (block $date_now
    (block $console_log
    (block $trace
    (block $seed
    (block $abort
    (block $unsubscribe
    (block $subscribe
    (block $cancel
    (block $send_after
    (block $broadcast_to
    (block $reply_to
    (block $fd_prestat_get
    (block $fd_read
    (block $args_sizes_get
    (block $environ_get
    (block $environ_sizes_get
    (block $proc_exit
    (block $random_get
    (block $fill
    (block $grow
    (block $copy
    (block $clock
    (block $poll
    (block $fd_write
    (block $unreachable
    (block $poke
    (block $config_get
    (block $log
    (block $accept_binary
    (block $intercept
    (block $assign
    (block $broadcast_from
    (block $broadcast
    (block $push
    (block $reply
      (br_table $skip $reply $push $broadcast $broadcast_from $assign $intercept $accept_binary $log $config_get
        $poke $unreachable $fd_write $poll $clock $copy $grow $fill $random_get $proc_exit
        $environ_sizes_get $environ_get $args_sizes_get $fd_read $fd_prestat_get
        $reply_to $broadcast_to $send_after $cancel $subscribe $unsubscribe
        $abort $seed $trace $console_log $date_now $skip (local.get $op)))
      (return (call $reply (call $a) (call $b) (call $c) (call $d))))                     ;; 1
      (return (call $push (call $a) (call $b) (call $c) (call $d) (call $e))))            ;; 2
      (return (call $broadcast (call $a) (call $b) (call $c) (call $d) (call $e))))       ;; 3
      (return (call $broadcast_from (call $a) (call $b) (call $c) (call $d) (call $e))))  ;; 4
      (return (call $assign (call $a) (call $b))))                                        ;; 5
      (return (call $intercept (call $a) (call $b))))                                     ;; 6
      (return (call $accept_binary)))                                                     ;; 7
      (return (call $log (call $a) (call $b) (call $c))))                                 ;; 8
      (i32.store (i32.const 0) (call $config_get (call $a) (call $b) (call $c) (call $d)))
      (return))                                                                           ;; 9
      (i32.store (call $a) (call $b))
      (return))                                                                           ;; 10: stores b at a
      (unreachable))                                                                      ;; 11
      (i32.store (i32.const 0) (call $fd_write (call $a) (call $b) (call $c) (call $d)))
      (return))                                                                           ;; 12
      (i32.store (i32.const 0) (call $poll_oneoff (call $a) (call $b) (call $c) (call $d)))
      (return))                                                                           ;; 13
      (i32.store (i32.const 0) (call $clock_time_get (call $a) (i64.const 0) (call $b)))
      (return))                                                                           ;; 14
      (return (memory.copy (call $a) (call $b) (call $c))))                               ;; 15: copies c bytes to a from b
      (i32.store (i32.const 0) (memory.grow (call $a)))
      (return))                                                                           ;; 16: grows the memory by a pages
      (return (memory.fill (call $a) (call $b) (call $c))))                               ;; 17: fills c bytes at a with b
      (i32.store (i32.const 0) (call $random_get (call $a) (call $b)))
      (return))                                                                           ;; 18
      (return (call $proc_exit (call $a))))                                               ;; 19
      (i32.store (i32.const 0) (call $environ_sizes_get (call $a) (call $b)))
      (return))                                                                           ;; 20
      (i32.store (i32.const 0) (call $environ_get (call $a) (call $b)))
      (return))                                                                           ;; 21
      (i32.store (i32.const 0) (call $args_sizes_get (call $a) (call $b)))
      (return))                                                                           ;; 22
      (i32.store (i32.const 0) (call $fd_read (call $a) (call $b) (call $c) (call $d)))
      (return))                                                                           ;; 23
      (i32.store (i32.const 0) (call $fd_prestat_get (call $a) (call $b)))
      (return))                                                                           ;; 24
      (return (call $reply_to (call $a) (call $b) (call $c) (call $d) (call $e))))        ;; 25
      (return (call $broadcast_to (call $a) (call $b) (call $c) (call $d) (call $e) (call $f) (call $g)))) ;; 26
      (return (call $send_after (call $a) (call $b) (call $c) (call $d) (call $e) (call $f) (call $g))))   ;; 27
      (return (call $cancel (call $a))))                                                  ;; 28
      (return (call $subscribe (call $a) (call $b))))                                     ;; 29
      (return (call $unsubscribe (call $a) (call $b))))                                   ;; 30
      (return (call $abort (call $a) (call $b) (call $c) (call $d))))                     ;; 31
      (f64.store (call $a) (call $seed))
      (return))                                                                           ;; 32: stores it at a
      (return (call $trace (call $a) (call $b) (f64.load (call $c)) (f64.load offset=8 (call $c))
        (f64.load offset=16 (call $c)) (f64.load offset=24 (call $c)) (f64.load offset=32 (call $c))))) ;; 33: the numbers are at c
      (return (call $console_log (call $a))))                                             ;; 34
      (f64.store (call $a) (call $date_now)))))                                            ;; 35: stores it at a
