package abi

// AssemblyScript returns the functions of the module AssemblyScriptModule that a
// guest may import: those to which the AssemblyScript compiler turns what has no
// counterpart in WebAssembly. A text is the address of an AssemblyScript string:
// UTF-16, with its length in bytes in the four bytes before it.
func AssemblyScript() []Func {
	f64s := func(params []Param, names ...string) []Param {
		for _, name := range names {
			params = append(params, Param{Name: name, Type: F64})
		}
		return params
	}
	return []Func{
		{
			Name: "abort", Params: i32s("message", "file", "line", "column"),
			Doc: "A failed assertion or an uncaught error: ends the instance, as a trap does, with the message in the log. An address of 0 stands for no text.",
		},
		{Name: "seed", Results: []ValueType{F64}, Doc: "The seed of `Math.random`, which AssemblyScript asks for once in each instance."},
		{
			Name: "trace", Params: f64s(i32s("message", "count"), "a0", "a1", "a2", "a3", "a4"),
			Doc: "`trace()`: a line for the log, the message and the first `count` of the five numbers.",
		},
		{Name: "console.log", Params: i32s("message"), Doc: "A line for the log."},
		{Name: "Date.now", Results: []ValueType{F64}, Doc: "The guest's clock, in milliseconds since the Unix epoch."},
	}
}
