package abi

// Phases returns every phase, in the order of their numbers.
func Phases() []Phase {
	return []Phase{PhaseSetup, PhaseInit, PhaseJoin, PhaseLeave, PhaseHandleIn, PhaseHandleOut}
}

// String returns the name of the phase's export, or "setup" for the exports that
// return no status.
func (p Phase) String() string {
	switch p {
	case PhaseSetup:
		return "setup"
	case PhaseInit:
		return "ch_init"
	case PhaseJoin:
		return "join"
	case PhaseLeave:
		return "leave"
	case PhaseHandleIn:
		return "handle_in"
	case PhaseHandleOut:
		return "handle_out"
	}
	return "unknown"
}

// String returns the status as documentation and error messages write it.
func (s Status) String() string {
	switch s {
	case StatusOK:
		return "OK"
	case StatusError:
		return "ERROR"
	case StatusStop:
		return "STOP"
	case StatusIgnore:
		return "IGNORE"
	case StatusPass:
		return "PASS"
	}
	return "unknown"
}

// StatusSet is a set of statuses.
type StatusSet uint32

// Statuses makes a set.
func Statuses(statuses ...Status) StatusSet {
	var set StatusSet
	for _, s := range statuses {
		set |= 1 << s
	}
	return set
}

// Has reports whether the status is in the set. Any number may be asked for:
// this is the check of what a guest returned.
func (set StatusSet) Has(s Status) bool { return s >= 0 && s < 32 && set>>s&1 != 0 }

// List returns the members in the order of their numbers.
func (set StatusSet) List() []Status {
	var list []Status
	for s := Status(0); s < 32; s++ {
		if set.Has(s) {
			list = append(list, s)
		}
	}
	return list
}

// Rule is one row of the table of statuses and effects. Whatever is not in it,
// called or returned, is a contract error.
type Rule struct {
	Phase Phase
	// Statuses may be returned; empty for the setup phase, whose exports return
	// none.
	Statuses StatusSet
	// Imports may be called.
	Imports ImportSet
	// Effects says for each status what is carried out.
	Effects []Effect
}

// Effect is what one status of one callback carries out.
type Effect struct {
	Status Status
	// Doc says what is carried out, in Markdown.
	Doc string
	// Example is a run in pseudo calls: what the guest calls, "=>", what follows.
	Example string
}

// Row returns the rule that holds during a phase. It is built afresh: a host
// that checks every call keeps the rules it needs.
func Row(p Phase) Rule {
	switch p {
	case PhaseSetup:
		return Rule{Phase: p, Imports: Imported(ImportLog)}
	case PhaseInit:
		return initRule()
	case PhaseJoin:
		return joinRule()
	case PhaseLeave:
		return leaveRule()
	case PhaseHandleIn:
		return handleInRule()
	case PhaseHandleOut:
		return handleOutRule()
	}
	return Rule{Phase: p}
}

// rule completes a row: log and config_get may be called in every callback, and
// a status is allowed if it has an effect.
func rule(p Phase, imports ImportSet, effects ...Effect) Rule {
	r := Rule{Phase: p, Imports: imports | Imported(ImportLog, ImportConfigGet), Effects: effects}
	for _, e := range effects {
		r.Statuses |= Statuses(e.Status)
	}
	return r
}

func initRule() Rule {
	return rule(PhaseInit, Imported(ImportIntercept, ImportAcceptBinary),
		Effect{
			StatusOK, "What was declared holds.",
			`intercept("user:joined"), OK => of all broadcasts only user:joined enters handle_out`,
		},
		Effect{
			StatusError, "The version is refused.",
			`log(3, "set greeting"), ERROR => the upload fails, the line is in the log`,
		},
	)
}

func joinRule() Rule {
	return rule(PhaseJoin, Imported(ImportReply, ImportPush, ImportBroadcast, ImportBroadcastFrom, ImportAssign),
		Effect{
			StatusOK, "The client is in. It gets the reply first (`{}` if there was none), then the effects are carried out in the " +
				"order of the calls. The channel is already subscribed. A reply with status 1 is a contract error.",
			`push("a", {}), reply(0, {"n":1}), broadcast("b", {}), OK => ok {"n":1}, then a, then b`,
		},
		Effect{
			StatusError, "Refused: the client gets the reply's payload as an error (`{}` if there was none), and nothing else happens. " +
				"A reply with status 0 is a contract error.",
			`reply(1, {"reason":"unauthorized"}), push("a", {}), ERROR => error {"reason":"unauthorized"}, no channel`,
		},
		Effect{
			StatusIgnore, "Nothing at all: no channel, no frame, and a reply is dropped too.",
			`IGNORE => the client hears nothing until its own timeout`,
		},
	)
}

func leaveRule() Rule {
	return rule(PhaseLeave, Imported(ImportPush, ImportBroadcast, ImportBroadcastFrom),
		Effect{
			StatusOK, "Effects in the order of the calls. A `push` reaches the client only if it left by itself (kind LEFT).",
			`broadcast("user:left", {"name":"jo"}), OK => the other subscribers get user:left`,
		},
		Effect{
			StatusError, "Nothing; it is logged. The channel has ended all the same.",
			`broadcast("user:left", {}), ERROR => a line in the log`,
		},
	)
}

func handleInRule() Rule {
	return rule(PhaseHandleIn, Imported(ImportReply, ImportPush, ImportBroadcast, ImportBroadcastFrom, ImportAssign),
		Effect{
			StatusOK, "Effects in the order of the calls, then the reply, wherever it was called. Without a `reply` the client gets none.",
			`reply(1, {"reason":"too long"}), push("hint", {}), OK => hint, then error {"reason":"too long"}`,
		},
		Effect{
			StatusError, "None of the effects: the client gets `phx_error` and may join again; `leave` follows with kind FAILED.",
			`broadcast("b", {}), ERROR => phx_error, nobody gets b`,
		},
		Effect{
			StatusStop, "The same as OK, then the client gets `phx_close`; `leave` follows with kind STOPPED.",
			`reply(0, {}), push("bye", {}), STOP => bye, then ok {}, then phx_close`,
		},
	)
}

func handleOutRule() Rule {
	return rule(PhaseHandleOut, Imported(ImportPush, ImportAssign),
		Effect{
			StatusOK, "Effects in the order of the calls. The message itself is not delivered.",
			`push("msg", {"text":"***"}), OK => this client gets msg {"text":"***"} instead`,
		},
		Effect{
			StatusError, "None of the effects: the client gets `phx_error` and may join again; `leave` follows with kind FAILED.",
			`push("a", {}), ERROR => phx_error`,
		},
		Effect{
			StatusStop, "The same as OK, then the client gets `phx_close`; `leave` follows with kind STOPPED.",
			`push("closed", {}), STOP => closed, then phx_close`,
		},
		Effect{
			StatusPass, "Effects in the order of the calls, then the message unchanged: the cheapest answer.",
			`push("hint", {}), PASS => hint, then the message`,
		},
	)
}
