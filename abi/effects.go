package abi

// Phases returns every phase, in the order of their numbers.
func Phases() []Phase {
	return []Phase{
		PhaseSetup, PhaseInit, PhaseJoin, PhaseLeave, PhaseHandleIn, PhaseHandleOut,
		PhaseHandleInfo, PhaseUpgrade, PhaseConnect, PhaseIdle,
	}
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
	case PhaseHandleInfo:
		return "handle_info"
	case PhaseUpgrade:
		return "upgrade"
	case PhaseConnect:
		return "connect"
	case PhaseIdle:
		return "ch_idle"
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
