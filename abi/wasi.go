package abi

// WASI returns the functions of WASI preview 1 (module WASIModule) that a guest
// may import: what language runtimes need to start, to print and to sleep. There
// are no files and no network; whatever asks for one is told that there is none.
// The signatures are those of wasi_snapshot_preview1.
func WASI() []Func {
	i64 := func(name string) Param { return Param{Name: name, Type: I64} }
	return []Func{
		{Name: "args_get", Params: i32s("argv", "argv_buf"), Results: one(), Doc: "There are no arguments."},
		{Name: "args_sizes_get", Params: i32s("argc", "argv_size"), Results: one(), Doc: "There are no arguments."},
		{Name: "environ_get", Params: i32s("environ", "environ_buf"), Results: one(), Doc: "The variables that the host sets for a runtime; depend on none."},
		{Name: "environ_sizes_get", Params: i32s("count", "size"), Results: one(), Doc: "Their number and size."},
		{Name: "clock_res_get", Params: i32s("id", "resolution"), Results: one(), Doc: "A clock's resolution."},
		{
			Name: "clock_time_get", Params: []Param{i32s("id")[0], i64("precision"), i32s("time")[0]}, Results: one(),
			Doc: "A clock. It starts at the event's `now_ms` in each callback and goes on only by what the guest sleeps.",
		},
		{Name: "random_get", Params: i32s("out", "size"), Results: one(), Doc: "Pseudo-random bytes, seeded anew for each callback: good for choosing and shuffling, not for keys."},
		{Name: "fd_write", Params: i32s("fd", "iovs", "count", "written"), Results: one(), Doc: "Descriptors 1 and 2 go to the plugin's log, line by line; there are no others."},
		{Name: "fd_read", Params: i32s("fd", "iovs", "count", "read"), Results: one(), Doc: "There is nothing to read."},
		{
			Name: "fd_seek", Params: []Param{i32s("fd")[0], i64("offset"), i32s("whence")[0], i32s("position")[0]}, Results: one(),
			Doc: "There is nothing to seek in.",
		},
		{Name: "fd_close", Params: i32s("fd"), Results: one(), Doc: "There is nothing to close."},
		{Name: "fd_fdstat_get", Params: i32s("fd", "stat"), Results: one(), Doc: "Describes descriptors 0 to 2."},
		{Name: "fd_fdstat_set_flags", Params: i32s("fd", "fdflags"), Results: one(), Doc: "Changes nothing."},
		{Name: "fd_prestat_get", Params: i32s("fd", "prestat"), Results: one(), Doc: "There are no directories."},
		{Name: "fd_prestat_dir_name", Params: i32s("fd", "path", "size"), Results: one(), Doc: "There are no directories."},
		{Name: "sched_yield", Results: one(), Doc: "Does nothing: a guest has one thread."},
		{
			Name: "poll_oneoff", Params: i32s("in", "out", "count", "events"), Results: one(),
			Doc: "Waiting for a clock: it returns at once and puts the guest's clock forward, by 10 s in one callback at most. More is a trap.",
		},
		{Name: "proc_exit", Params: i32s("code"), Doc: "Ends the instance, as a trap does."},
	}
}
