package abi

// Callbacks returns every callback bit, in the order of the bits.
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

// KnownCallbacks returns all bits that this version knows. A guest that sets
// another one, which a later version may call, breaks the contract: its callback
// would never be called.
func KnownCallbacks() Callback {
	var known Callback
	for _, c := range Callbacks() {
		known |= c
	}
	return known
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
