package abi

// Callbacks returns every callback bit, in the order of the bits, whether this
// version calls it or only keeps its name.
func Callbacks() []Callback {
	return []Callback{
		CallbackJoin, CallbackLeave, CallbackHandleIn, CallbackHandleOut,
		CallbackHandleInfo, CallbackUpgrade, CallbackConnect, CallbackIdle,
	}
}

// Export returns the name of the export that a single bit stands for, or "" if
// it stands for none.
func (c Callback) Export() string {
	switch c {
	case CallbackJoin:
		return "join"
	case CallbackLeave:
		return "leave"
	case CallbackHandleIn:
		return "handle_in"
	case CallbackHandleOut:
		return "handle_out"
	case CallbackHandleInfo:
		return "handle_info"
	case CallbackUpgrade:
		return "upgrade"
	case CallbackConnect:
		return "connect"
	case CallbackIdle:
		return "ch_idle"
	}
	return ""
}

// Served reports whether this version calls all of the callbacks in c: whether
// Exports has a row for each. A guest that sets another bit breaks the contract.
func (c Callback) Served() bool { return c&^ServedCallbacks() == 0 }

// ServedCallbacks returns the bits that this version calls.
func ServedCallbacks() Callback {
	var served Callback
	for _, f := range Exports() {
		served |= f.Callback
	}
	return served
}

// RequiredCallbacks returns the bits that ch_callbacks may not leave out.
func RequiredCallbacks() Callback {
	var required Callback
	for _, f := range Exports() {
		if f.Required {
			required |= f.Callback
		}
	}
	return required
}
